import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import org.apache.kafka.common.security.kerberos.KerberosName;
import org.apache.kafka.common.security.kerberos.KerberosShortNamer;
import org.apache.kafka.common.security.ssl.SslPrincipalMapper;

/**
 * Asks Kafka's SslPrincipalMapper and KerberosShortNamer.
 *
 * <p>The arguments are lists of rules with names: "ssl", the rules and the names, or
 * "kerberos", the default realm, the rules and the names, where several rules or names
 * begin with how many they are.
 *
 * <p>The result is one line for each list and one for each of its names: "=" and the rules
 * as Kafka prints them, with commas between, or the name, "!" and the class of what it threw, or "H" if there was
 * no answer in time. All characters but printable ASCII are escaped.
 */
public final class MapperJudge {
    private static final int SECONDS = 2;

    private MapperJudge() {}

    public static String run(String[] args) throws Exception {
        StringBuilder answers = new StringBuilder();
        for (Words words = new Words(args); words.more(); ) {
            if (words.text().equals("ssl")) {
                String rules = words.text();
                answer(answers, () -> {
                    SslPrincipalMapper mapper = SslPrincipalMapper.fromRules(rules);
                    return new Mapper(rules(mapper), mapper::getName);
                }, words.list());
            } else {
                String realm = words.text();
                String[] rules = words.list();
                answer(answers, () -> {
                    KerberosShortNamer namer = KerberosShortNamer.fromUnparsedRules(realm, Arrays.asList(rules));
                    return new Mapper(namer.toString(), name -> namer.shortName(KerberosName.parse(name)));
                }, words.list());
            }
        }
        return answers.toString();
    }

    /** The rules one by one, each with two slashes: what the mapper prints cannot be taken apart. */
    private static String rules(SslPrincipalMapper mapper) throws ReflectiveOperationException {
        List<String> texts = new ArrayList<>();
        for (Object rule : (List<?>) field(mapper, "rules")) {
            String fold = (boolean) field(rule, "toLowerCase") ? "L" : (boolean) field(rule, "toUpperCase") ? "U" : "";
            texts.add((boolean) field(rule, "isDefault") ? "DEFAULT" : "RULE:" + field(rule, "pattern") + "/" + field(rule, "replacement") + "/" + fold);
        }
        return String.join(",", texts);
    }

    private static Object field(Object of, String name) throws ReflectiveOperationException {
        Field field = of.getClass().getDeclaredField(name);
        field.setAccessible(true);
        return field.get(of);
    }

    private interface Mapping {
        String map(String name) throws Exception;
    }

    private interface Parser {
        Mapper parse() throws Exception;
    }

    private record Mapper(String text, Mapping mapping) {}

    private static void answer(StringBuilder answers, Parser parser, String[] names) throws InterruptedException {
        Mapper[] mapper = new Mapper[1];
        IntFunction<String> one = i -> {
            try {
                if (i == 0) {
                    mapper[0] = parser.parse();
                    return "=" + Words.escape(mapper[0].text());
                }
                return mapper[0] == null ? "!" : "=" + Words.escape(mapper[0].mapping().map(names[i - 1]));
            } catch (Exception | StackOverflowError e) {
                return "!" + e.getClass().getName();
            }
        };
        for (String line : Words.patiently(1 + names.length, SECONDS, "H", one)) {
            answers.append(line).append('\n');
        }
    }
}
