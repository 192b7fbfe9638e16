import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.metrics.MetricConfig;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.metrics.Quota;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.utils.internals.Sanitizer;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.Timer;
import org.apache.kafka.network.Session;
import org.apache.kafka.server.config.ClientQuotaManagerConfig;
import org.apache.kafka.server.quota.ClientQuotaEntity.ConfigEntity;
import org.apache.kafka.server.quota.ClientQuotaManager;
import org.apache.kafka.server.quota.ControllerMutationQuota;
import org.apache.kafka.server.quota.ControllerMutationQuotaManager;
import org.apache.kafka.server.quota.QuotaType;

/**
 * What the quota managers of a broker say. Arguments: "Produce", "Request" or "ControllerMutation", how many
 * quotas follow, then user, client id and limit of each ("-" is absent, "*" the default, "=name" a name),
 * and then steps: user, client id, amount, milliseconds since the step before, and "strict" or "". The
 * answer is a line for each step: the user and the client id of its bucket, the limit ("none"), and the
 * milliseconds it is throttled; for strict ones that are refused, "refused" after it.
 */
public final class Quotas {
    private Quotas() {}

    private static final class Clock implements Time {
        long ms = 1_700_000_000_000L;

        public long milliseconds() {
            return ms;
        }

        public long nanoseconds() {
            return ms * 1_000_000;
        }

        public long hiResClockMs() {
            return ms;
        }

        public void sleep(long wait) {
            ms += wait;
        }

        public void waitObject(Object object, java.util.function.Supplier<Boolean> condition, long deadline) {
            throw new UnsupportedOperationException();
        }

        public Timer timer(long timeout) {
            throw new UnsupportedOperationException();
        }
    }

    private static String sanitized(String name) {
        return Sanitizer.sanitize(name);
    }

    public static String run(String... args) throws Exception {
        Clock clock = new Clock();
        try (Metrics metrics = new Metrics(new MetricConfig(), new ArrayList<>(), clock)) {
            ClientQuotaManagerConfig config = new ClientQuotaManagerConfig();
            boolean mutations = args[0].equals("ControllerMutation");
            ClientQuotaManager manager = mutations
                ? new ControllerMutationQuotaManager(config, metrics, clock, "", Optional.empty())
                : new ClientQuotaManager(config, metrics, QuotaType.PRODUCE, clock, "");
            try {
                return answers(manager, clock, mutations, args);
            } finally {
                manager.initiateShutdown();
            }
        }
    }

    private static String answers(ClientQuotaManager manager, Clock clock, boolean mutations, String... args) throws Exception {
        int n = Integer.parseInt(args[1]);
        int i = 2;
        for (int q = 0; q < n; q++, i += 3) {
            String user = args[i];
            String client = args[i + 1];
            Optional<ConfigEntity> userEntity = switch (user.charAt(0)) {
                case '-' -> Optional.empty();
                case '*' -> Optional.of(ClientQuotaManager.DEFAULT_USER_ENTITY);
                default -> Optional.of(new ClientQuotaManager.UserEntity(sanitized(user.substring(1))));
            };
            Optional<ConfigEntity> clientEntity = switch (client.charAt(0)) {
                case '-' -> Optional.empty();
                case '*' -> Optional.of(ClientQuotaManager.DEFAULT_USER_CLIENT_ID);
                default -> Optional.of(new ClientQuotaManager.ClientIdEntity(client.substring(1)));
            };
            manager.updateQuota(userEntity, clientEntity, Optional.of(new Quota(Double.parseDouble(args[i + 2]), true)));
        }
        List<String> lines = new ArrayList<>();
        for (; i < args.length; i += 5) {
            Session session = new Session(new KafkaPrincipal("User", args[i]), null);
            String client = args[i + 1];
            double amount = Double.parseDouble(args[i + 2]);
            clock.ms += Long.parseLong(args[i + 3]);
            boolean strict = args[i + 4].equals("strict");
            String throttled;
            if (mutations) {
                ControllerMutationQuotaManager controller = (ControllerMutationQuotaManager) manager;
                ControllerMutationQuota quota = strict ? controller.newStrictQuotaFor(session, client) : controller.newPermissiveQuotaFor(session, client);
                String refused = "";
                try {
                    quota.record(amount);
                } catch (org.apache.kafka.common.errors.ThrottlingQuotaExceededException e) {
                    refused = " refused";
                }
                throttled = quota.throttleTime() + refused;
            } else {
                throttled = "" + manager.maybeRecordAndGetThrottleTimeMs(session, client, amount, clock.ms);
            }
            Map<String, String> tags = new HashMap<>(Map.of("user", "", "client-id", ""));
            String limit = "none";
            if (manager.quotasEnabled()) {
                tags.putAll(manager.getOrCreateQuotaSensors(session, client).metricTags());
                double bound = manager.quota(session.principal, client).bound();
                if (bound != Long.MAX_VALUE) {
                    limit = "" + (long) bound;
                }
            }
            lines.add(tags.get("user") + "\t" + tags.get("client-id") + "\t" + limit + "\t" + throttled);
        }
        return String.join("\n", lines);
    }
}
