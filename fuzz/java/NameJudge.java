import java.util.HexFormat;
import javax.security.auth.x500.X500Principal;

/**
 * Asks Java for the text of encoded names, which are the arguments, in hexadecimal.
 *
 * <p>The result is one line for each: "=" and the text, or "!" and the class of what was
 * thrown. It is escaped as in {@link MapperJudge}.
 */
public final class NameJudge {
    private NameJudge() {}

    public static String run(String[] args) {
        StringBuilder answers = new StringBuilder();
        for (String hex : args) {
            try {
                answers.append('=').append(Words.escape(new X500Principal(HexFormat.of().parseHex(hex)).getName())).append('\n');
            } catch (RuntimeException e) {
                answers.append('!').append(e.getClass().getName()).append('\n');
            }
        }
        return answers.toString();
    }
}
