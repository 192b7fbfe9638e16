import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.kafka.common.internals.Plugin;
import org.apache.kafka.connect.connector.policy.ConnectorClientConfigOverridePolicy;
import org.apache.kafka.connect.health.ConnectorType;
import org.apache.kafka.connect.runtime.AbstractHerder;
import org.apache.kafka.connect.runtime.distributed.DistributedConfig;
import org.apache.kafka.connect.runtime.distributed.DistributedHerder;
import org.apache.kafka.connect.runtime.isolation.Plugins;
import org.apache.kafka.connect.runtime.rest.entities.ConfigInfo;
import org.apache.kafka.connect.runtime.rest.entities.ConfigInfos;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.source.SourceConnector;

/**
 * What a distributed worker says of the overrides in a connector's configuration.
 *
 * <p>Arguments: policy, allowlist ("-" for none), exactly.once.source.support, "source" or
 * "sink", and then keys and values of the connector. The answer is a line for each error: the
 * key and the message.
 */
public final class ConnectOverrides {
    private ConnectOverrides() {}

    private static Plugins plugins;
    private static final Map<List<String>, DistributedHerder> HERDERS = new HashMap<>();

    public static String run(String... args) throws Exception {
        List<String> worker = List.of(args[0], args[1], args[2]);
        DistributedHerder herder = HERDERS.get(worker);
        if (herder == null) {
            herder = herder(worker);
            HERDERS.put(worker, herder);
        }
        Map<String, String> connector = new HashMap<>();
        for (int i = 4; i < args.length; i += 2) {
            connector.put(args[i], args[i + 1]);
        }
        boolean source = args[3].equals("source");
        Method validate = AbstractHerder.class.getDeclaredMethod("validateClientOverrides", Map.class, ConnectorType.class, Class.class, Function.class, boolean.class);
        validate.setAccessible(true);
        Function<String, Object> stage = name -> null;
        ConfigInfos infos = (ConfigInfos) validate.invoke(herder, connector, source ? ConnectorType.SOURCE : ConnectorType.SINK,
            source ? SourceConnector.class : SinkConnector.class, stage, false);
        List<String> lines = new ArrayList<>();
        if (infos != null) {
            for (ConfigInfo info : infos.configs()) {
                for (String error : info.configValue().errors()) {
                    lines.add(info.configValue().name() + "\t" + error);
                }
            }
        }
        return String.join("\n", lines);
    }

    // A herder without a worker: validation needs the policy and the configuration alone.
    private static DistributedHerder herder(List<String> worker) throws Exception {
        Map<String, String> props = new HashMap<>(Map.of(
            "bootstrap.servers", "127.0.0.1:1", "group.id", "g", "key.converter", "org.apache.kafka.connect.converters.ByteArrayConverter",
            "value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter",
            "config.storage.topic", "c", "offset.storage.topic", "o", "status.storage.topic", "s"));
        props.put("exactly.once.source.support", worker.get(2));
        props.put("connector.client.config.override.policy", worker.get(0));
        if (!worker.get(1).equals("-")) {
            props.put("connector.client.config.override.allowlist", worker.get(1));
        }
        if (plugins == null) {
            plugins = new Plugins(new HashMap<>(Map.of("plugin.discovery", "service_load")));
        }
        plugins.compareAndSwapWithDelegatingLoader();
        DistributedConfig config = new DistributedConfig(props);
        ConnectorClientConfigOverridePolicy policy = plugins.newPlugin(
            config.getString("connector.client.config.override.policy"), config, ConnectorClientConfigOverridePolicy.class);
        Field unsafe = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        unsafe.setAccessible(true);
        DistributedHerder herder = (DistributedHerder) ((sun.misc.Unsafe) unsafe.get(null)).allocateInstance(DistributedHerder.class);
        set(AbstractHerder.class, herder, "connectorClientConfigOverridePolicyPlugin", Plugin.wrapInstance(policy, null, "connector.client.config.override.policy"));
        set(DistributedHerder.class, herder, "config", config);
        return herder;
    }

    private static void set(Class<?> of, Object object, String name, Object value) throws Exception {
        Field field = of.getDeclaredField(name);
        field.setAccessible(true);
        field.set(object, value);
    }
}
