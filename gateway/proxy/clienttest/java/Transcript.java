import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutionException;

/** What a client saw, in lines. */
final class Transcript {
    private final List<String> lines = new ArrayList<>();

    interface Step {
        void run() throws Exception;
    }

    synchronized void add(String line) {
        lines.add(line);
    }

    /** Adds a line unless it is there already: how often a client hears something is up to its timing. */
    synchronized void once(String line) {
        if (!lines.contains(line)) {
            lines.add(line);
        }
    }

    /** Runs a step and adds its error, if it has one. Tells whether it went well. */
    boolean step(String name, Step step) {
        try {
            step.run();
            return true;
        } catch (Throwable e) {
            add(name + ": " + describe(e));
            return false;
        }
    }

    /** Returns an exception with its causes, without the wrappers of futures. */
    static String describe(Throwable e) {
        if (e instanceof ExecutionException && e.getCause() != null) {
            e = e.getCause();
        }
        StringBuilder b = new StringBuilder();
        for (Throwable t = e; t != null && t != t.getCause(); t = t.getCause()) {
            String line = t.getClass().getSimpleName() + ": " + t.getMessage();
            if (b.indexOf(line) < 0) {
                b.append(b.length() == 0 ? "" : " <- ").append(line);
            }
        }
        return b.toString();
    }

    synchronized String text() {
        return String.join("\n", lines);
    }

    /** Reads a properties file. */
    static Properties properties(String text) throws Exception {
        Properties p = new Properties();
        p.load(new StringReader(text));
        return p;
    }

    static long deadline(String seconds) {
        return System.nanoTime() + (long) (Double.parseDouble(seconds) * 1e9);
    }
}
