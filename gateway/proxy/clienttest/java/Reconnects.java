import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Clients whose connections end all the time, so that they connect again to brokers that they
 * know.
 *
 * <p>The clients are a producer and a consumer. The arguments are their properties, a topic, how
 * many records are sent at least, for how many seconds at least, and a file: when it is there,
 * the clients end. How many records they have sent and got is printed, and what failed.
 */
public final class Reconnects {
    private Reconnects() {}

    /** How long a client does nothing, which is longer than it keeps a connection. */
    private static final int PAUSE = 600;

    /** How much longer the clients run at most to send and get what they must, in seconds. */
    private static final int MORE = 270;

    public static void main(String[] a) throws Exception {
        Properties p = new Properties();
        p.load(new java.io.StringReader(a[0]));
        p.put("connections.max.idle.ms", "400");
        p.put("metadata.max.age.ms", "1000");
        p.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        p.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        p.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        p.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        p.put("group.id", "reconnects");
        p.put("auto.offset.reset", "earliest");
        int least = Integer.parseInt(a[2]);
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(Long.parseLong(a[3]));
        long limit = until + TimeUnit.SECONDS.toNanos(MORE);
        AtomicInteger sent = new AtomicInteger();
        AtomicInteger got = new AtomicInteger();
        BooleanSupplier ended = () -> System.nanoTime() > limit || Files.exists(Path.of(a[4])) || sent.get() >= least && System.nanoTime() > until;
        Thread consuming = new Thread(() -> {
            try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(p)) {
                consumer.subscribe(List.of(a[1]));
                while (!ended.getAsBoolean() || got.get() < sent.get() && !Files.exists(Path.of(a[4])) && System.nanoTime() < limit) {
                    got.addAndGet(consumer.poll(Duration.ofMillis(PAUSE)).count());
                    pause();
                }
            } catch (RuntimeException e) {
                System.err.println("failed: " + e);
            }
        });
        consuming.start();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(p)) {
            while (!ended.getAsBoolean()) {
                try {
                    producer.send(new ProducerRecord<>(a[1], sent.get() % 3, "k", "v")).get();
                    sent.incrementAndGet();
                } catch (ExecutionException e) {
                    System.err.println("failed: " + e);
                }
                pause();
            }
        }
        consuming.join();
        System.out.println(sent + " " + got);
    }

    private static void pause() {
        try {
            Thread.sleep(PAUSE);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
