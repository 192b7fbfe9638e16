import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.SaslConfigs;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.internals.OAuthBearerSaslServer;

/**
 * What Kafka answers to the first message of OAUTHBEARER. The arguments are the message in Base64, and
 * keys and values of settings. The answer is "ok NAME LIFETIME", "refused" with the JSON, or "broken" with
 * the exception.
 */
public final class Login {
    private Login() {}

    private static final Map<List<String>, OAuthBearerValidatorCallbackHandler> HANDLERS = new HashMap<>();

    public static String run(String[] args) throws Exception {
        List<String> settings = new ArrayList<>(List.of(args).subList(1, args.length));
        OAuthBearerValidatorCallbackHandler handler = HANDLERS.get(settings);
        if (handler == null) {
            handler = configure(settings);
            HANDLERS.put(settings, handler);
        }
        OAuthBearerSaslServer server = new OAuthBearerSaslServer(handler);
        byte[] answer;
        try {
            answer = server.evaluateResponse(Base64.getDecoder().decode(args[0]));
        } catch (Exception e) {
            return "broken " + e.getClass().getSimpleName() + ": " + e.getMessage();
        }
        if (!server.isComplete()) {
            return "refused " + new String(answer, StandardCharsets.UTF_8);
        }
        return "ok " + server.getAuthorizationID() + " " + server.getNegotiatedProperty("CREDENTIAL.LIFETIME.MS");
    }

    private static OAuthBearerValidatorCallbackHandler configure(List<String> settings) {
        Map<String, String> given = new HashMap<>();
        for (int i = 0; i < settings.size(); i += 2) {
            given.put(settings.get(i), settings.get(i + 1));
        }
        System.setProperty("org.apache.kafka.sasl.oauthbearer.allowed.urls", given.getOrDefault("sasl.oauthbearer.jwks.endpoint.url", ""));
        ConfigDef def = new ConfigDef();
        SaslConfigs.addClientSaslSupport(def);
        Map<String, Object> parsed = def.parse(given);
        for (String flag : List.of("sasl.oauthbearer.allow.unverified.audience", "sasl.oauthbearer.allow.unverified.issuer")) {
            parsed.put(flag, Boolean.valueOf(given.getOrDefault(flag, "false"))); // settings of brokers alone
        }
        OAuthBearerValidatorCallbackHandler handler = new OAuthBearerValidatorCallbackHandler();
        AppConfigurationEntry module = new AppConfigurationEntry(OAuthBearerLoginModule.class.getName(),
            AppConfigurationEntry.LoginModuleControlFlag.REQUIRED, Map.of());
        handler.configure(parsed, "OAUTHBEARER", List.of(module));
        return handler;
    }
}
