import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Producers, consumers and the administration client, as all versions from 2.8 have them. */
public final class Clients {
    private Clients() {}

    /** The arguments are the name of a scenario, the properties of the client, and what the scenario needs. */
    public static String run(String[] a) throws Exception {
        Transcript out = new Transcript();
        Properties p = Transcript.properties(a[1]);
        out.step(a[0], () -> {
            switch (a[0]) {
                case "produce": produce(out, p, a[2], Integer.parseInt(a[3])); break;
                case "create-and-produce": createAndProduce(out, p, a[2], Integer.parseInt(a[3]), Integer.parseInt(a[4])); break;
                case "first-write": firstWrite(out, p, a[2], Integer.parseInt(a[3])); break;
                case "transaction": transaction(out, p, a[2], a.length > 3 ? a[3] : null, a.length > 4 ? a[4] : null); break;
                case "abort": abort(out, p, a[2]); break;
                case "consume": consume(out, p, a[2], a[3], Integer.parseInt(a[4]), a[5]); break;
                default: throw new IllegalArgumentException(a[0]);
            }
        });
        return out.text();
    }

    static KafkaProducer<String, String> producer(Properties p) {
        return new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(Properties p) {
        return new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer());
    }

    private static void produce(Transcript out, Properties p, String topic, int n) throws Exception {
        try (KafkaProducer<String, String> producer = producer(p)) {
            for (int i = 0; i < n; i++) {
                String value = "v" + i;
                out.step("send " + i, () -> out.add("offset " + producer.send(new ProducerRecord<>(topic, 0, null, value)).get().offset()));
            }
        }
    }

    /** Writes to topics at once after they are made, and tells how many records are lost. */
    private static void createAndProduce(Transcript out, Properties p, String prefix, int topics, int n) throws Exception {
        int lost = 0;
        String error = "";
        try (Admin admin = Admin.create(p); KafkaProducer<String, String> producer = producer(p)) {
            for (int i = 0; i < topics; i++) {
                String topic = prefix + i;
                admin.createTopics(Collections.singleton(new NewTopic(topic, 1, (short) 1))).all().get();
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                for (int j = 0; j < n; j++) {
                    sent.add(producer.send(new ProducerRecord<>(topic, "v" + j)));
                }
                for (Future<RecordMetadata> f : sent) {
                    try {
                        f.get();
                    } catch (Exception e) {
                        lost++;
                        error = " " + Transcript.describe(e);
                    }
                }
            }
        }
        out.add(lost + " of " + topics * n + " records lost" + error);
    }

    /** Prints how many milliseconds the first write of a producer to a new topic takes, the median of n. */
    private static void firstWrite(Transcript out, Properties p, String prefix, int n) throws Exception {
        long[] took = new long[n];
        try (Admin admin = Admin.create(p)) {
            for (int i = 0; i < n; i++) {
                String topic = prefix + i;
                admin.createTopics(Collections.singleton(new NewTopic(topic, 1, (short) 1))).all().get();
                long began = System.nanoTime();
                try (KafkaProducer<String, String> producer = producer(p)) {
                    producer.send(new ProducerRecord<>(topic, "v")).get();
                }
                took[i] = (System.nanoTime() - began) / 1_000_000;
            }
        }
        Arrays.sort(took);
        out.add("milliseconds " + took[n / 2]);
    }

    /** Writes in a transaction, with the offset of a topic for a group if there are any. */
    private static void transaction(Transcript out, Properties p, String topic, String group, String from) {
        try (KafkaProducer<String, String> producer = producer(p)) {
            boolean began = out.step("init", producer::initTransactions) && out.step("begin", producer::beginTransaction);
            boolean sent = began && out.step("send", () -> producer.send(new ProducerRecord<>(topic, "tx")).get());
            if (sent && group != null) {
                sent = out.step("offsets", () -> producer.sendOffsetsToTransaction(
                    Collections.singletonMap(new TopicPartition(from, 0), new OffsetAndMetadata(1)),
                    new org.apache.kafka.clients.consumer.ConsumerGroupMetadata(group)));
            }
            if (sent && out.step("commit", producer::commitTransaction)) {
                out.add("committed");
            } else if (began) {
                out.step("abort", producer::abortTransaction);
            }
        }
    }

    private static void abort(Transcript out, Properties p, String topic) {
        try (KafkaProducer<String, String> producer = producer(p)) {
            producer.initTransactions();
            producer.beginTransaction();
            out.step("send", () -> producer.send(new ProducerRecord<>(topic, "aborted")).get());
            if (out.step("abort", producer::abortTransaction)) {
                out.add("aborted");
            }
        }
    }

    static Collection<String> names(String s) {
        return Arrays.asList(s.split(","));
    }

    private static void consume(Transcript out, Properties p, String how, String what, int n, String seconds) throws Exception {
        try (KafkaConsumer<String, String> consumer = consumer(p)) {
            switch (how) {
                case "names": consumer.subscribe(names(what)); break;
                case "pattern": consumer.subscribe(Pattern.compile(what)); break;
                default: consumer.assign(Collections.singleton(new TopicPartition(what, 0))); consumer.seekToBeginning(consumer.assignment());
            }
            poll(out, consumer, n, seconds);
            if (p.containsKey("group.id") && out.step("commit", consumer::commitSync)) {
                out.add("offsets committed");
            }
        }
    }

    /** Reads n records, or until there is an exception or the time is over. */
    static void poll(Transcript out, KafkaConsumer<String, String> consumer, int n, String seconds) {
        List<String> seen = new ArrayList<>();
        long end = Transcript.deadline(seconds);
        out.step("poll", () -> {
            while (seen.size() < n && System.nanoTime() < end) {
                for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(200))) {
                    seen.add(r.topic() + ":" + r.value());
                }
            }
        });
        Collections.sort(seen);
        out.add("read " + seen);
    }
}
