import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.util.Map;
import java.util.TreeMap;
import javax.security.auth.login.AppConfigurationEntry;
import javax.security.auth.login.Configuration;

/** What Kafka reads in a value of sasl.jaas.config. */
public final class Jaas {
    private Jaas() {}

    public static String run(String[] args) throws Exception {
        try {
            Constructor<?> make = Class.forName("org.apache.kafka.common.security.JaasConfig").getConstructor(String.class, String.class);
            make.setAccessible(true);
            AppConfigurationEntry[] entries = ((Configuration) make.newInstance("KafkaServer", args[0])).getAppConfigurationEntry("KafkaServer");
            StringBuilder b = new StringBuilder();
            for (AppConfigurationEntry entry : entries) {
                b.append(entry.getLoginModuleName()).append('\n');
                for (Map.Entry<String, ?> option : new TreeMap<>(entry.getOptions()).entrySet()) {
                    b.append(option.getKey()).append('\u0001').append(option.getValue()).append('\n');
                }
            }
            return entries.length + "\n" + b;
        } catch (InvocationTargetException e) {
            throw (Exception) e.getCause();
        }
    }
}
