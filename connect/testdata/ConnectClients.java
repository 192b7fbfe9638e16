import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.connect.connector.policy.AllConnectorClientConfigOverridePolicy;
import org.apache.kafka.connect.health.ConnectorType;
import org.apache.kafka.connect.runtime.ConnectorConfig;
import org.apache.kafka.connect.runtime.Worker;
import org.apache.kafka.connect.runtime.distributed.DistributedConfig;
import org.apache.kafka.connect.runtime.isolation.Plugins;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.source.SourceConnector;

/**
 * With which settings a worker makes a client of a connector.
 *
 * <p>Arguments: "producer", "consumer" or "admin", "source" or "sink", the number of settings of
 * the worker, and then keys and values of the worker and of the connector. The answer is a line
 * for each setting: key and value.
 */
public final class ConnectClients {
    private ConnectClients() {}

    private static Plugins plugins;

    public static String run(String... args) throws Exception {
        if (plugins == null) {
            plugins = new Plugins(new HashMap<>(Map.of("plugin.discovery", "service_load")));
            plugins.compareAndSwapWithDelegatingLoader();
        }
        Map<String, String> worker = new HashMap<>(Map.of(
            "key.converter", "org.apache.kafka.connect.converters.ByteArrayConverter", "value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter"));
        Map<String, String> connector = new HashMap<>();
        int split = 3 + 2 * Integer.parseInt(args[2]);
        for (int i = 3; i < args.length; i += 2) {
            (i < split ? worker : connector).put(args[i], args[i + 1]);
        }
        boolean source = args[1].equals("source");
        DistributedConfig config = new DistributedConfig(worker);
        ConnectorConfig connectorConfig = new ConnectorConfig(plugins, connector);
        Class<?> plugin = source ? SourceConnector.class : SinkConnector.class;
        ConnectorType type = source ? ConnectorType.SOURCE : ConnectorType.SINK;
        Method method = null;
        String name = switch (args[0]) {
            case "producer" -> "baseProducerConfigs";
            case "consumer" -> "baseConsumerConfigs";
            default -> "adminConfigs";
        };
        for (Method m : Worker.class.getDeclaredMethods()) {
            if (m.getName().equals(name)) {
                method = m;
            }
        }
        List<Object> values = new ArrayList<>();
        int texts = 0;
        for (Class<?> parameter : method.getParameterTypes()) {
            if (parameter == String.class) {
                values.add(List.of(connector.get("name"), "client", "cluster").get(texts++));
            } else if (parameter.isInstance(connectorConfig)) {
                values.add(connectorConfig);
            } else if (parameter.isInstance(config)) {
                values.add(config);
            } else if (parameter == Class.class) {
                values.add(plugin);
            } else if (parameter == ConnectorType.class) {
                values.add(type);
            } else {
                values.add(new AllConnectorClientConfigOverridePolicy());
            }
        }
        method.setAccessible(true);
        Map<?, ?> settings = (Map<?, ?>) method.invoke(null, values.toArray());
        List<String> lines = new ArrayList<>();
        for (Map.Entry<?, ?> entry : new TreeMap<>(settings).entrySet()) {
            lines.add(entry.getKey() + "\t" + entry.getValue());
        }
        return String.join("\n", lines);
    }
}
