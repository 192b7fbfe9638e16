/** The keys that Kafka's brokers have. */
public final class Broker {
    private Broker() {}

    public static String run(String[] args) throws Exception {
        Object names = Class.forName("kafka.server.KafkaConfig").getMethod("configNames").invoke(null);
        StringBuilder all = new StringBuilder();
        Object iterator = names.getClass().getMethod("iterator").invoke(names); // of Scala
        Class<?> methods = Class.forName("scala.collection.Iterator");
        while ((Boolean) methods.getMethod("hasNext").invoke(iterator)) {
            all.append(methods.getMethod("next").invoke(iterator)).append('\n');
        }
        return all.toString();
    }
}
