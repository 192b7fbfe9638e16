import java.util.Base64;
import org.apache.kafka.common.security.oauthbearer.internals.OAuthBearerClientInitialResponse;

/** How Kafka reads the first message of OAUTHBEARER, which is the argument, in Base64. */
public final class FirstMessage {
    private FirstMessage() {}

    public static String run(String[] args) {
        try {
            OAuthBearerClientInitialResponse r = new OAuthBearerClientInitialResponse(Base64.getDecoder().decode(args[0]));
            return "ok " + r.authorizationId() + " " + r.tokenValue();
        } catch (Exception e) {
            return e.getClass().getSimpleName();
        }
    }
}
