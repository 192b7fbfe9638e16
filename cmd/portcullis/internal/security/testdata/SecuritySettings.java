import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.TreeSet;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.SaslConfigs;
import org.apache.kafka.common.config.SecurityConfig;
import org.apache.kafka.common.config.SslConfigs;
import org.apache.kafka.common.config.internals.BrokerSecurityConfigs;

/** The names of Kafka's settings about security: of clients, of brokers, or all constants. */
public final class SecuritySettings {
    private SecuritySettings() {}

    public static String run(String[] args) throws Exception {
        TreeSet<String> names = new TreeSet<>();
        switch (args[0]) {
            case "client":
                ConfigDef def = new ConfigDef();
                SslConfigs.addClientSslSupport(def);
                SaslConfigs.addClientSaslSupport(def);
                names.addAll(def.names());
                names.add(CommonClientConfigs.SECURITY_PROTOCOL_CONFIG);
                names.add(SecurityConfig.SECURITY_PROVIDERS_CONFIG);
                break;
            case "broker":
                names.addAll(BrokerSecurityConfigs.CONFIG_DEF.names());
                names.add(SecurityConfig.SECURITY_PROVIDERS_CONFIG);
                break;
            default:
                for (Class<?> c : new Class<?>[] {SslConfigs.class, SaslConfigs.class, SecurityConfig.class, BrokerSecurityConfigs.class}) {
                    for (Field f : c.getDeclaredFields()) {
                        if (Modifier.isStatic(f.getModifiers()) && f.getType() == String.class && f.getName().endsWith("_CONFIG")) {
                            f.setAccessible(true);
                            String name = (String) f.get(null);
                            if (!name.startsWith("org.apache.kafka.")) { // a property of the JVM
                                names.add(name);
                            }
                        }
                    }
                }
        }
        return String.join("\n", names);
    }
}
