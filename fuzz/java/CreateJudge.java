import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.requests.ApiError;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.server.common.MetadataVersion;

/**
 * Asks Kafka's controller which ACLs it creates. The arguments are ACLs of 7 words each, with
 * codes in numbers.
 *
 * <p>The result is two lines for each ACL: the answer of a controller whose metadata version
 * has no networks, and of one that has. A line is "0" if the ACL is created, else the error
 * code, a space and the escaped message. A controller before 4.4 gives the same answer twice.
 */
public final class CreateJudge {
    private static final Method VALIDATE = validate();

    private CreateJudge() {}

    private static Method validate() {
        try {
            for (Method m : Class.forName("org.apache.kafka.controller.AclControlManager").getDeclaredMethods()) {
                if (m.getName().equals("validateNewAcl")) {
                    m.setAccessible(true);
                    return m;
                }
            }
        } catch (ClassNotFoundException e) {
            throw new ExceptionInInitializerError(e);
        }
        throw new IllegalStateException("no validateNewAcl");
    }

    public static String run(String[] args) throws Exception {
        if (args.length == 0) {
            return versions();
        }
        StringBuilder answers = new StringBuilder();
        Words words = new Words(args);
        while (words.more()) {
            ResourceType type = ResourceType.fromCode((byte) words.number());
            String name = words.text();
            AclBinding acl = new AclBinding(
                new ResourcePattern(type, name, PatternType.fromCode((byte) words.number())),
                new AccessControlEntry(words.text(), words.text(), AclOperation.fromCode((byte) words.number()),
                    AclPermissionType.fromCode((byte) words.number())));
            answers.append(answer(acl, false)).append('\n').append(answer(acl, true)).append('\n');
        }
        return answers.toString();
    }

    private static String answer(AclBinding acl, boolean networks) throws IllegalAccessException {
        try {
            if (VALIDATE.getParameterCount() == 1) {
                VALIDATE.invoke(null, acl);
            } else {
                VALIDATE.invoke(null, acl, networks);
            }
            return "0";
        } catch (InvocationTargetException e) {
            ApiError error = ApiError.fromThrowable(e.getCause());
            return error.error().code() + " " + Words.escape(error.message());
        }
    }

    /** All metadata versions: level and name, one a line. */
    private static String versions() {
        StringBuilder lines = new StringBuilder();
        for (MetadataVersion v : MetadataVersion.VERSIONS) {
            lines.append(v.featureLevel()).append(' ').append(v).append('\n');
        }
        return lines.toString();
    }
}
