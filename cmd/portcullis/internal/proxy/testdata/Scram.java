import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Base64;
import java.util.Map;
import org.apache.kafka.common.metadata.UserScramCredentialRecord;
import org.apache.kafka.common.security.scram.internals.ScramFormatter;
import org.apache.kafka.common.security.scram.internals.ScramMechanism;

/** What Kafka makes of the argument of kafka-storage format --add-scram. */
public final class Scram {
    private Scram() {}

    public static String run(String[] args) throws Exception {
        if (args.length == 4) { // mechanism, password, salt, iterations
            byte[] salted = new ScramFormatter(ScramMechanism.forMechanismName(args[0]))
                .saltedPassword(args[1], Base64.getDecoder().decode(args[2]), Integer.parseInt(args[3]));
            return Base64.getEncoder().encodeToString(salted);
        }
        try {
            Class<?> parser = Class.forName("org.apache.kafka.metadata.storage.ScramParser");
            Method split = parser.getDeclaredMethod("parsePerMechanismArgument", String.class);
            split.setAccessible(true);
            Map.Entry<?, ?> entry = (Map.Entry<?, ?>) split.invoke(null, args[0]);
            Class<?> data = Class.forName("org.apache.kafka.metadata.storage.ScramParser$PerMechanismData");
            Constructor<?> make = data.getDeclaredConstructor(ScramMechanism.class, String.class);
            make.setAccessible(true);
            Method toRecord = data.getDeclaredMethod("toRecord");
            toRecord.setAccessible(true);
            UserScramCredentialRecord r = (UserScramCredentialRecord) toRecord.invoke(make.newInstance(entry.getKey(), entry.getValue()));
            Base64.Encoder base64 = Base64.getEncoder();
            return String.join(" ", r.name(), ScramMechanism.forMechanismName(((ScramMechanism) entry.getKey()).mechanismName()).mechanismName(),
                base64.encodeToString(r.salt()), base64.encodeToString(r.storedKey()), base64.encodeToString(r.serverKey()), String.valueOf(r.iterations()));
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof Exception) {
                throw (Exception) e.getCause();
            }
            throw e;
        }
    }
}
