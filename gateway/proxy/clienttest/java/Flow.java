import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.Comparator;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.RejectedExecutionException;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/** A Streams application that counts values, with a repartition topic and a changelog topic. */
public final class Flow {
    private Flow() {}

    /**
     * The arguments are the properties of the application, those of somebody who may read
     * the output, the topics of input and output, how many records are expected, how many
     * seconds to wait, and the topics that somebody else makes after a half of that time,
     * if any, and the repartition topic, of which the application deletes what it has read.
     */
    public static String run(String[] a) throws Exception {
        Transcript out = new Transcript();
        Properties p = Transcript.properties(a[0]);
        Path folder = Files.createTempDirectory("streams-");
        p.put("state.dir", folder.toString());
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> in = builder.stream(a[2], Consumed.with(Serdes.String(), Serdes.String()));
        in.selectKey((k, v) -> v).groupByKey(Grouped.with("re", Serdes.String(), Serdes.String()))
            .count(Materialized.<String, Long, org.apache.kafka.streams.state.KeyValueStore<org.apache.kafka.common.utils.Bytes, byte[]>>as("st")
                .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
            .mapValues(n -> Long.toString(n)).toStream().to(a[3], Produced.with(Serdes.String(), Serdes.String()));
        KafkaStreams streams = new KafkaStreams(builder.build(), p);
        TreeSet<String> errors = new TreeSet<>();
        streams.setUncaughtExceptionHandler(e -> {
            synchronized (errors) {
                errors.add(root(e));
            }
            return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        try {
            streams.start();
        } catch (RejectedExecutionException e) {
            // A thread has failed and ended the client before start has returned.
        }
        try {
            out.add("output " + await(streams, Transcript.properties(a[1]), a[3], Integer.parseInt(a[4]), a[5], a[6]));
            out.add("purged " + purged(Transcript.properties(a[1]), a[7]));
            synchronized (errors) {
                errors.forEach(out::add);
            }
            KafkaStreams.State state = streams.state();
            out.add("ended by an error: " + (state == KafkaStreams.State.ERROR || state == KafkaStreams.State.PENDING_ERROR));
        } finally {
            streams.close(Duration.ofSeconds(10));
            try (Stream<Path> files = Files.walk(folder)) {
                files.sorted(Comparator.reverseOrder()).forEach(f -> f.toFile().delete());
            }
        }
        return out.text();
    }

    /** Reports whether the first records of a topic are deleted, within some seconds. */
    private static boolean purged(Properties owner, String topic) throws Exception {
        TopicPartition p = new TopicPartition(topic, 0);
        try (Admin admin = Admin.create(owner)) {
            if (!admin.listTopics().names().get().contains(topic)) {
                return false;
            }
            for (long end = Transcript.deadline("4"); System.nanoTime() < end; Thread.sleep(100)) {
                if (admin.listOffsets(Collections.singletonMap(p, OffsetSpec.earliest())).partitionResult(p).get().offset() > 0) {
                    return true;
                }
            }
            return false;
        }
    }

    /** Returns the first cause of an exception: what is around it depends on timing. */
    private static String root(Throwable e) {
        while (e.getCause() != null && e.getCause() != e) {
            e = e.getCause();
        }
        return e.getClass().getSimpleName() + ": " + e.getMessage();
    }

    private static TreeSet<String> await(KafkaStreams streams, Properties owner, String topic, int n, String seconds, String later) throws Exception {
        TreeSet<String> seen = new TreeSet<>();
        owner.put("isolation.level", "read_committed");
        long end = Transcript.deadline(seconds);
        long half = Transcript.deadline(Double.toString(Double.parseDouble(seconds) / 2));
        boolean made = later.isEmpty();
        try (KafkaConsumer<String, String> consumer = Clients.consumer(owner); Admin admin = Admin.create(owner)) {
            consumer.assign(Collections.singleton(new TopicPartition(topic, 0)));
            consumer.seekToBeginning(consumer.assignment());
            while (seen.size() < n && System.nanoTime() < end && streams.state() != KafkaStreams.State.ERROR) {
                for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(200))) {
                    seen.add(r.key() + "=" + r.value());
                }
                if (!made && System.nanoTime() > half) {
                    made = true;
                    for (String name : later.split(",")) {
                        admin.createTopics(Collections.singleton(new NewTopic(name, 1, (short) 1))).all().get();
                    }
                }
            }
        }
        return seen;
    }
}
