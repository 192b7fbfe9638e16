import java.util.HexFormat;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder;

/**
 * Asks Kafka which principal a wire form is. The arguments are wire forms in hexadecimal.
 *
 * <p>The result is one line for each: "+", the type, the name, and whether a token
 * authenticated it, separated by tabs and escaped; or "-" and the class that was thrown.
 */
public final class SerdeJudge {
    private SerdeJudge() {}

    public static String run(String[] args) {
        DefaultKafkaPrincipalBuilder builder = new DefaultKafkaPrincipalBuilder(null, null);
        StringBuilder answers = new StringBuilder();
        for (String hex : args) {
            try {
                KafkaPrincipal p = builder.deserialize(HexFormat.of().parseHex(hex));
                answers.append("+\t").append(Words.escape(p.getPrincipalType())).append('\t').append(Words.escape(p.getName()))
                    .append('\t').append(p.tokenAuthenticated());
            } catch (RuntimeException e) {
                answers.append('-').append(e.getClass().getName());
            }
            answers.append('\n');
        }
        return answers.toString();
    }
}
