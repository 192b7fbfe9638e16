import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.regex.*;

/**
 * Returns Java's results for patterns and names. Each input line is a word and fields,
 * separated by tabs, in UTF-8 with \\uXXXX for characters that are not printable ASCII.
 * The answer to each is one line.
 *
 * <pre>
 * pattern PATTERN            "ok", or "error" if Java refuses it; the next names use it
 * name    TEXT REPLACEMENT   "-" if the pattern does not match all of it, otherwise "=" and the result of replaceAll
 * first   TEXT REPLACEMENT   "=" and the result of replaceFirst
 * lower   TEXT               "=" and the lower case
 * upper   TEXT               "=" and the upper case
 * flush   -                  "ok"; all answers up to this one can be read
 * </pre>
 */
public class JavaOracle {
    public static void main(String[] args) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII), 1 << 20);
        PrintWriter out = new PrintWriter(new OutputStreamWriter(System.out, StandardCharsets.US_ASCII));
        Pattern pattern = null;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] fields = line.split("\t", -1);
            String text = unescape(fields[1]);
            switch (fields[0]) {
                case "pattern":
                    try {
                        pattern = Pattern.compile(text);
                        out.println("ok");
                    } catch (PatternSyntaxException e) {
                        pattern = null;
                        out.println("error");
                    }
                    break;
                case "name":
                    out.println(pattern == null || !pattern.matcher(text).matches() ? "-"
                            : "=" + escape(pattern.matcher(text).replaceAll(unescape(fields[2]))));
                    break;
                case "first":
                    out.println(pattern == null ? "-" : "=" + escape(pattern.matcher(text).replaceFirst(unescape(fields[2]))));
                    break;
                case "lower":
                    out.println("=" + escape(text.toLowerCase(Locale.ENGLISH)));
                    break;
                case "upper":
                    out.println("=" + escape(text.toUpperCase(Locale.ENGLISH)));
                    break;
                case "flush":
                    out.println("ok");
                    out.flush();
                    break;
                default:
                    throw new IOException("an unknown word: " + line);
            }
        }
        out.flush();
    }

    static String escape(String text) {
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c >= ' ' && c < 0x7f && c != '\\') {
                b.append(c);
            } else {
                b.append(String.format("\\u%04x", (int) c));
            }
        }
        return b.toString();
    }

    static String unescape(String text) {
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) == '\\') {
                b.append((char) Integer.parseInt(text.substring(i + 2, i + 6), 16));
                i += 5;
            } else {
                b.append(text.charAt(i));
            }
        }
        return b.toString();
    }
}
