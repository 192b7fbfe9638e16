import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.PrintStream;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Properties;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.tools.AclCommand;

/**
 * Runs kafka-acls in this JVM: the arguments are "run" and its own, the result is its exit
 * status, a line feed, and what it printed. With "acls", the bootstrap servers and the path
 * of client properties, the result is the ACLs in force, one a line, once the broker has all
 * changes that were made before.
 */
public final class AclTool {
    private static final Class<?> exit = exitClass();
    /** The names of the ACLs by which it is seen that the broker has all changes before them. */
    private static final String MARK = "mark-";
    private static Admin admin;
    private static int marks;

    private AclTool() {}

    public static String run(String[] args) throws Exception {
        if (args[0].equals("acls")) {
            return acls(args[1], args[2]);
        }
        int[] status = {-1};
        Class<?> procedure = Class.forName(exit.getName() + "$Procedure");
        Object record = Proxy.newProxyInstance(procedure.getClassLoader(), new Class<?>[] {procedure}, (self, method, words) -> {
            if (status[0] < 0) {
                status[0] = (Integer) words[0];
            }
            throw new Exited();
        });
        exit.getMethod("setExitProcedure", procedure).invoke(null, record);
        PrintStream before = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
        System.setIn(new ByteArrayInputStream(new byte[0])); // no question is answered
        try {
            AclCommand.main(Arrays.copyOfRange(args, 1, args.length));
        } catch (Exited e) {
            // The status is recorded.
        } finally {
            System.setOut(before);
        }
        return Math.max(0, status[0]) + "\n" + printed.toString(StandardCharsets.UTF_8);
    }

    private static String acls(String servers, String path) throws Exception {
        if (admin == null) {
            Properties properties = new Properties();
            try (FileInputStream in = new FileInputStream(path)) {
                properties.load(in);
            }
            properties.put("bootstrap.servers", servers);
            admin = Admin.create(properties);
        }
        AclBinding mark = new AclBinding(new ResourcePattern(ResourceType.TOPIC, MARK + ++marks, PatternType.LITERAL),
            new AccessControlEntry("User:mark", "*", AclOperation.READ, AclPermissionType.ALLOW));
        admin.createAcls(List.of(mark)).all().get();
        Collection<AclBinding> all;
        do {
            all = admin.describeAcls(AclBindingFilter.ANY).values().get();
        } while (!all.contains(mark));
        return all.stream().filter(b -> !b.pattern().name().startsWith(MARK))
            .map(b -> String.join("|", b.pattern().resourceType().name(), b.pattern().patternType().name(), b.pattern().name(), b.entry().principal(),
                b.entry().host(), b.entry().operation().name(), b.entry().permissionType().name()))
            .sorted().collect(Collectors.joining("\n"));
    }

    /** Kafka 4.4 has moved it. */
    private static Class<?> exitClass() {
        for (String name : new String[] {"org.apache.kafka.common.utils.internals.Exit", "org.apache.kafka.common.utils.Exit"}) {
            try {
                return Class.forName(name);
            } catch (ClassNotFoundException e) {
                // the next
            }
        }
        throw new IllegalStateException("no class Exit");
    }

    private static final class Exited extends RuntimeException {
        private static final long serialVersionUID = 1;
    }
}
