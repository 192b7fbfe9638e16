import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.security.KeyStore;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.SslConfigs;
import org.apache.kafka.common.security.ssl.DefaultSslEngineFactory;

/** Whether Kafka takes the ssl.* settings of a listener. */
public final class Engine {
    private Engine() {}

    public static String run(String[] args) throws Exception {
        ConfigDef def = new ConfigDef();
        SslConfigs.addClientSslSupport(def);
        def.define("ssl.client.auth", ConfigDef.Type.STRING, "none", ConfigDef.ValidString.in("none", "requested", "required"), ConfigDef.Importance.LOW, "");
        Map<String, String> settings = new HashMap<>();
        for (int i = 0; i < args.length; i += 2) {
            settings.put(args[i], args[i + 1]);
        }
        Map<String, ?> values = new AbstractConfig(def, settings, false).values();
        DefaultSslEngineFactory factory = new DefaultSslEngineFactory();
        try {
            factory.configure(values);
            factory.createServerSslEngine("localhost", 1);
            StringBuilder b = new StringBuilder();
            KeyStore store = factory.keystore();
            if (store != null) {
                for (String alias : java.util.Collections.list(store.aliases())) {
                    if (store.isKeyEntry(alias)) {
                        b.append(Base64.getEncoder().encodeToString(store.getCertificate(alias).getEncoded())).append('\n');
                    }
                }
            }
            return b.toString();
        } finally {
            factory.close();
        }
    }
}
