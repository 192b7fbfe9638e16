import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Calls methods of other classes for a Go test: one call per line, words separated by tabs.
 *
 * <p>A call is the name of a class and the arguments of its method
 * {@code static String run(String[] args) throws Exception}. The answer is "ok" and the
 * result, or "error", the class of the exception and its message. In a word, a tab, line
 * feed, carriage return and backslash are written \t, \n, \r and \\.
 *
 * <p>What the called classes print goes to standard error.
 */
public final class Helper {
    private Helper() {}

    public static void main(String[] none) throws Exception {
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            out.print(answer(line.split("\t", -1)) + "\n");
            out.flush();
        }
        System.exit(0); // threads of clients must not keep the JVM alive
    }

    private static String answer(String[] words) {
        for (int i = 0; i < words.length; i++) {
            words[i] = unescape(words[i]);
        }
        try {
            Object result = Class.forName(words[0]).getMethod("run", String[].class)
                .invoke(null, (Object) Arrays.copyOfRange(words, 1, words.length));
            return "ok\t" + escape(String.valueOf(result));
        } catch (InvocationTargetException e) {
            return error(e.getCause());
        } catch (ReflectiveOperationException | LinkageError e) {
            return error(e);
        }
    }

    private static String error(Throwable e) {
        return "error\t" + e.getClass().getName() + "\t" + escape(String.valueOf(e.getMessage()));
    }

    private static String escape(String s) {
        return s.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r");
    }

    private static String unescape(String s) {
        StringBuilder b = new StringBuilder(s.length());
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            if (c == '\\' && i + 1 < s.length()) {
                c = s.charAt(++i);
                c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
            }
            b.append(c);
        }
        return b.toString();
    }
}
