import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.server.authorizer.internals.CidrUtils;

/**
 * Asks Kafka which addresses the hosts of ACLs hold. The arguments are hosts, each followed by
 * the number of its clients and their addresses as Java prints them.
 *
 * <p>The result is one line for each host: "+" if it can be created, else "-", and for each
 * client 1 if the host holds it, else 0.
 */
public final class HostJudge {
    static {
        // Names are looked up in an empty file, and never in a network.
        try {
            Path none = Files.createTempFile("hosts", null);
            none.toFile().deleteOnExit();
            System.setProperty("jdk.net.hosts.file", none.toString());
        } catch (IOException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private HostJudge() {}

    public static String run(String[] args) {
        StringBuilder answers = new StringBuilder();
        Words words = new Words(args);
        while (words.more()) {
            String host = words.text();
            answers.append(valid(host) ? '+' : '-');
            for (String client : words.list()) {
                answers.append(holds(host, client) ? '1' : '0');
            }
            answers.append('\n');
        }
        return answers.toString();
    }

    /** As AclControlManager does at creation: only hosts with a slash are looked at. */
    private static boolean valid(String host) {
        if (!host.contains("/")) {
            return true;
        }
        try {
            CidrUtils.validate(host);
            return true;
        } catch (RuntimeException e) {
            return false;
        }
    }

    /** As StandardAuthorizerData does. */
    private static boolean holds(String host, String client) {
        return host.equals("*") || host.equals(client) || CidrUtils.isInRange(client, host);
    }
}
