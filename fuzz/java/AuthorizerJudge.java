import java.io.OutputStream;
import java.io.PrintStream;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.errors.AuthorizerNotReadyException;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.metrics.internals.PluginMetricsImpl;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.auth.SecurityProtocol;
import org.apache.kafka.metadata.authorizer.StandardAcl;
import org.apache.kafka.metadata.authorizer.StandardAuthorizer;
import org.apache.kafka.server.authorizer.Action;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;
import org.apache.kafka.server.authorizer.AuthorizationResult;

/**
 * Asks Kafka's StandardAuthorizer.
 *
 * <p>The arguments are worlds, one after the other: super users, allow.everyone, whether
 * the first load is complete, the number of ACLs and 7 words for each, the number of
 * batches and each batch: type and name of the principal, address in hexadecimal, scope or
 * -1, the number of questions and 3 words for each, the number of by-type questions and 2
 * words for each.
 *
 * <p>The result is one word for each question: A for allowed or D for denied, and what the
 * audit log gives as the rule: s for the super user, d for the default, or the number of
 * the ACL, from 0. N says that the authorizer is not ready, H that its scan does not end,
 * and E and a class that it threw.
 */
public final class AuthorizerJudge {
    /**
     * After so many steps a scan is said not to end. Worlds have 150 ACLs at most and names are
     * short; for a scan that ends later, the test would say that it is no known case.
     */
    private static final int MAX_STEPS = 2_000;

    /** No world takes that long. */
    private static final int SECONDS = 60;

    private static final String AUDIT = "kafka.authorizer.logger";
    private static final List<String> audited = new ArrayList<>();

    static {
        System.setProperty("org.slf4j.simpleLogger.log." + AUDIT, "debug");
        PrintStream before = System.err;
        System.setErr(new PrintStream(OutputStream.nullOutputStream()) {
            @Override
            public void println(String line) {
                if (line.contains(AUDIT)) {
                    audited.add(line);
                } else {
                    before.println(line);
                }
            }
        });
    }

    private static final StandardAuthorizer loaded = create();
    private static final StandardAuthorizer loading = create();

    static {
        loaded.completeInitialLoad();
    }

    private AuthorizerJudge() {}

    private static StandardAuthorizer create() {
        StandardAuthorizer a = new StandardAuthorizer();
        a.withPluginMetrics(new PluginMetricsImpl(new Metrics(), Map.of()));
        return a;
    }

    public static String run(String[] args) throws Exception {
        StringBuilder answers = new StringBuilder();
        Words words = new Words(args);
        String[] all = Words.patiently(1, SECONDS, "late", i -> {
            while (words.more()) {
                world(words, answers);
            }
            return "";
        });
        if (all[0].equals("late")) {
            throw new IllegalStateException("the authorizer does not end");
        }
        return answers.toString();
    }

    private static void world(Words words, StringBuilder answers) {
        String superUsers = words.text();
        String allowEveryone = words.text();
        StandardAuthorizer authorizer = words.text().equals("loaded") ? loaded : loading;
        authorizer.configure(Map.of("node.id", "1", StandardAuthorizer.SUPER_USERS_CONFIG, superUsers,
            StandardAuthorizer.ALLOW_EVERYONE_IF_NO_ACL_IS_FOUND_CONFIG, allowEveryone));
        Map<Uuid, StandardAcl> acls = new HashMap<>();
        Map<String, String> rules = new HashMap<>(Map.of("SuperUser", "s", "DefaultDeny", "d", "DefaultAllow", "d"));
        for (int i = 0, n = words.number(); i < n; i++) {
            StandardAcl acl = new StandardAcl(type(words), words.text(), PatternType.fromCode((byte) words.number()), words.text(), words.text(),
                operation(words), AclPermissionType.fromCode((byte) words.number()));
            acls.put(new Uuid(1, i + 1), acl);
            rules.put("MatchingAcl(acl=" + acl + ")", Integer.toString(i));
        }
        authorizer.loadSnapshot(acls);
        for (int batches = words.number(); batches > 0; batches--) {
            Client client = new Client(new KafkaPrincipal(words.text(), words.text()), address(words.text(), words.number()));
            List<Action> actions = new ArrayList<>();
            for (int n = words.number(); n > 0; n--) {
                actions.add(new Counted(operation(words), new ResourcePattern(type(words), words.text(), PatternType.LITERAL)));
            }
            batch(authorizer, client, actions, rules, answers);
            for (int n = words.number(); n > 0; n--) {
                byType(authorizer, client, operation(words), type(words), answers);
            }
        }
    }

    /** Asks all at once; if that throws, one at a time. */
    private static void batch(StandardAuthorizer authorizer, Client client, List<Action> actions, Map<String, String> rules, StringBuilder answers) {
        audited.clear();
        List<AuthorizationResult> results;
        try {
            results = authorizer.authorize(client, actions);
        } catch (RuntimeException e) {
            if (actions.size() == 1) {
                answers.append(thrown(e)).append(' ');
            } else {
                actions.forEach(a -> batch(authorizer, client, List.of(((Counted) a).again()), rules, answers));
            }
            return;
        }
        if (audited.size() != actions.size() || results.size() != actions.size()) {
            throw new IllegalStateException(actions.size() + " questions, " + results.size() + " answers, " + audited.size() + " in the audit log");
        }
        for (int i = 0; i < actions.size(); i++) {
            String line = audited.get(i);
            String mark = " based on rule ";
            String rule = rules.get(line.substring(line.lastIndexOf(mark) + mark.length()));
            if (rule == null) {
                throw new IllegalStateException("unknown rule: " + line);
            }
            answers.append(verdict(results.get(i))).append(rule).append(' ');
        }
    }

    private static void byType(StandardAuthorizer authorizer, Client client, AclOperation operation, ResourceType type, StringBuilder answers) {
        String answer;
        try {
            answer = verdict(authorizer.authorizeByResourceType(client, operation, type));
        } catch (RuntimeException e) {
            answer = thrown(e);
        }
        answers.append(answer).append(' ');
    }

    private static String verdict(AuthorizationResult result) {
        return result == AuthorizationResult.ALLOWED ? "A" : "D";
    }

    private static String thrown(RuntimeException e) {
        return e instanceof Endless ? "H" : e instanceof AuthorizerNotReadyException ? "N" : "E" + e.getClass().getName();
    }

    private static ResourceType type(Words words) {
        return ResourceType.fromCode((byte) words.number());
    }

    private static AclOperation operation(Words words) {
        return AclOperation.fromCode((byte) words.number());
    }

    private static InetAddress address(String hex, int scope) {
        byte[] bytes = new byte[hex.length() / 2];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
        }
        try {
            return scope < 0 ? InetAddress.getByAddress(bytes) : Inet6Address.getByAddress(null, bytes, scope);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(e);
        }
    }

    /** Thrown out of a scan that does not end. */
    private static final class Endless extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /** An action that counts how often the scan asks for its resource, which is at every step. */
    private static final class Counted extends Action {
        private int steps;

        Counted(AclOperation operation, ResourcePattern resource) {
            super(operation, resource, 1, true, true);
        }

        Counted again() {
            return new Counted(operation(), super.resourcePattern());
        }

        @Override
        public ResourcePattern resourcePattern() {
            if (++steps > MAX_STEPS) {
                throw new Endless();
            }
            return super.resourcePattern();
        }
    }

    private record Client(KafkaPrincipal principal, InetAddress clientAddress) implements AuthorizableRequestContext {
        @Override
        public String listenerName() {
            return "CLIENT";
        }

        @Override
        public SecurityProtocol securityProtocol() {
            return SecurityProtocol.SASL_PLAINTEXT;
        }

        @Override
        public int requestType() {
            return 1;
        }

        @Override
        public int requestVersion() {
            return 1;
        }

        @Override
        public String clientId() {
            return "";
        }

        @Override
        public int correlationId() {
            return 1;
        }
    }
}
