import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Runs several clients at the same time. "start ID CLASS ARGS…" begins a run and
 * "await ID SECONDS" returns what it returned.
 */
public final class Batch {
    private static final ExecutorService POOL = Executors.newFixedThreadPool(Integer.getInteger("runs", 6));
    private static final Map<String, Future<String>> RUNS = new ConcurrentHashMap<>();

    private Batch() {}

    public static String run(String[] args) throws Exception {
        if (args[0].equals("start")) {
            String[] rest = Arrays.copyOfRange(args, 3, args.length);
            RUNS.put(args[1], POOL.submit(() -> call(args[2], rest)));
            return "";
        }
        try {
            return RUNS.remove(args[1]).get(Integer.parseInt(args[2]), TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            return "still running after " + args[2] + " s";
        }
    }

    private static String call(String name, String[] args) {
        try {
            return (String) Class.forName(name).getMethod("run", String[].class).invoke(null, (Object) args);
        } catch (Throwable e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            cause.printStackTrace();
            return "failed: " + cause;
        }
    }
}
