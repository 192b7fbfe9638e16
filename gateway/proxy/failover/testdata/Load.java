import java.io.StringReader;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Producers and consumers that work until they are stopped.
 *
 * <p>produce NAME TOPIC PARTITIONS PAUSE PROPERTIES sends one record to each partition, and
 * again after PAUSE milliseconds. The value of a record is TOPIC/PARTITION/NUMBER; each
 * partition is numbered from 0. consume NAME TOPIC PROPERTIES reads the topic as a member of
 * a group. events NAME returns what has happened since the last call, a line each:
 *
 * <ul>
 *   <li>sent PARTITION COUNT: so many records were handed to the producer, in all
 *   <li>acked PARTITION NUMBER OFFSET TIME
 *   <li>failed PARTITION NUMBER ERROR
 *   <li>got PARTITION OFFSET TIME VALUE
 *   <li>broke ERROR: the client has ended
 * </ul>
 *
 * <p>stop NAME ends a client once all its records are acknowledged or have failed.
 */
public final class Load {
    private Load() {}

    private static final Map<String, Client> CLIENTS = new ConcurrentHashMap<>();

    public static String run(String[] args) throws Exception {
        switch (args[0]) {
            case "produce":
                start(args[1], new Producer(args[2], Integer.parseInt(args[3]), Long.parseLong(args[4]), properties(args[5])));
                return "";
            case "consume":
                start(args[1], new Consumer(args[2], properties(args[3])));
                return "";
            case "events":
                return CLIENTS.get(args[1]).drain();
            case "stop":
                Client client = CLIENTS.get(args[1]);
                client.stop = true;
                client.join();
                return "";
            default:
                throw new IllegalArgumentException(args[0]);
        }
    }

    private static Properties properties(String text) throws Exception {
        Properties p = new Properties();
        p.load(new StringReader(text));
        return p;
    }

    private static void start(String name, Client client) {
        CLIENTS.put(name, client);
        client.setDaemon(true);
        client.start();
    }

    private abstract static class Client extends Thread {
        final Queue<String> events = new ConcurrentLinkedQueue<>();
        volatile boolean stop;

        abstract void work() throws Exception;

        @Override
        public void run() {
            try {
                work();
            } catch (Exception e) {
                events.add("broke\t" + line(e));
            }
        }

        String drain() {
            StringBuilder b = new StringBuilder();
            for (String event; (event = events.poll()) != null; ) {
                b.append(event).append('\n');
            }
            return b.toString();
        }

        static String line(Exception e) {
            return String.valueOf(e).replace('\n', ' ').replace('\t', ' ');
        }
    }

    private static final class Producer extends Client {
        private final String topic;
        private final int partitions;
        private final long pause;
        private final Properties properties;

        Producer(String topic, int partitions, long pause, Properties properties) {
            this.topic = topic;
            this.partitions = partitions;
            this.pause = pause;
            this.properties = properties;
        }

        @Override
        void work() throws Exception {
            try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
                for (int number = 0; !stop; number++) {
                    for (int p = 0; p < partitions; p++) {
                        send(producer, p, number);
                    }
                    Thread.sleep(pause);
                }
            } // close waits until every record is acknowledged or has failed
        }

        private void send(KafkaProducer<String, String> producer, int partition, int number) {
            events.add("sent\t" + partition + "\t" + (number + 1));
            String value = topic + "/" + partition + "/" + number;
            producer.send(new ProducerRecord<>(topic, partition, "key-" + partition, value), (metadata, e) -> {
                if (e == null) {
                    events.add("acked\t" + partition + "\t" + number + "\t" + metadata.offset() + "\t" + System.currentTimeMillis());
                } else {
                    events.add("failed\t" + partition + "\t" + number + "\t" + line(e));
                }
            });
        }
    }

    private static final class Consumer extends Client {
        private final String topic;
        private final Properties properties;

        Consumer(String topic, Properties properties) {
            this.topic = topic;
            this.properties = properties;
        }

        @Override
        void work() {
            try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
                consumer.subscribe(List.of(topic));
                while (!stop) {
                    for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(100))) {
                        events.add("got\t" + r.partition() + "\t" + r.offset() + "\t" + System.currentTimeMillis() + "\t" + r.value());
                    }
                }
            }
        }
    }
}
