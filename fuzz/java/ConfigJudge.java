import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;

/**
 * Asks Kafka for the values of configurations with references to config providers.
 *
 * <p>The arguments are, for each configuration, the number of its words, and its keys and values.
 * The result is one line for each: "=" and the values in the same order, each followed by a
 * tab, or "!" and the class of what was thrown. Values are escaped as in {@link Words#escape}.
 */
public final class ConfigJudge {
    private ConfigJudge() {}

    static {
        // The providers log each path that is not allowed.
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "off");
    }

    public static String run(String[] args) {
        StringBuilder answers = new StringBuilder();
        for (Words words = new Words(args); words.more(); ) {
            String[] config = words.list();
            Map<String, String> given = new HashMap<>();
            for (int i = 0; i < config.length; i += 2) {
                given.put(config[i], config[i + 1]);
            }
            try {
                Map<String, Object> resolved = new AbstractConfig(new ConfigDef(), given, false).originals();
                answers.append('=');
                for (int i = 0; i < config.length; i += 2) {
                    answers.append(Words.escape((String) resolved.get(config[i]))).append('\t');
                }
                answers.append('\n');
            } catch (RuntimeException e) {
                answers.append('!').append(e.getClass().getName()).append('\n');
            }
        }
        return answers.toString();
    }
}
