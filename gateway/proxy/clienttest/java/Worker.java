import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.cli.ConnectDistributed;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.runtime.Herder;
import org.apache.kafka.connect.runtime.rest.entities.ConnectorStateInfo;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.apache.kafka.connect.source.ConnectorTransactionBoundaries;
import org.apache.kafka.connect.source.ExactlyOnceSupport;
import org.apache.kafka.connect.source.SourceConnector;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

/** A Connect worker with one connector. */
public final class Worker {
    private Worker() {}

    /** What the tasks of sinks got, by the name of the connector. */
    static final Map<String, Collection<String>> GOT = new ConcurrentHashMap<>();

    /**
     * The arguments are the properties of the worker, those of somebody who may read all
     * topics, the configuration of the connector, the topic where its records show, or
     * nothing for a sink, how many records are expected, and how many seconds to wait.
     */
    public static String run(String[] a) throws Exception {
        Transcript out = new Transcript();
        Map<String, String> worker = map(a[0]);
        Map<String, String> config = map(a[2]);
        String name = config.get("name");
        GOT.put(name, new ConcurrentLinkedQueue<>());
        TreeSet<String> seen = new TreeSet<>();
        TreeSet<String> states = new TreeSet<>();
        Tools.adopt();
        var connect = new ConnectDistributed().startConnect(worker);
        try {
            Herder herder = connect.herder();
            long end = Transcript.deadline(a[5]);
            CompletableFuture<Object> put = new CompletableFuture<>();
            herder.putConnectorConfig(name, config, false, (error, result) -> {
                if (error != null) {
                    put.completeExceptionally(error);
                } else {
                    put.complete(result);
                }
            });
            while (!put.isDone() && Tools.status() == null && System.nanoTime() < end) {
                Thread.sleep(50);
            }
            if (put.isDone() && out.step("put", put::get)) {
                watch(herder, name, a, end, seen, states);
            }
        } finally {
            out.add("the worker ended: " + (Tools.status() != null));
            stop(connect::stop);
        }
        out.add("records " + seen);
        states.forEach(out::add);
        return out.text();
    }

    /** Adds the records that come and the failures of the connector. */
    private static void watch(Herder herder, String name, String[] a, long end, TreeSet<String> seen, TreeSet<String> states) throws Exception {
        try (KafkaConsumer<String, String> consumer = a[3].isEmpty() ? null : Clients.consumer(Transcript.properties(a[1]))) {
            if (consumer != null) {
                consumer.assign(Collections.singleton(new TopicPartition(a[3], 0)));
                consumer.seekToBeginning(consumer.assignment());
            }
            while (seen.size() < Integer.parseInt(a[4]) && System.nanoTime() < end && states.isEmpty() && Tools.status() == null) {
                if (consumer == null) {
                    Thread.sleep(100);
                    seen.addAll(GOT.get(name));
                } else {
                    for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(200))) {
                        seen.add(r.value());
                    }
                }
                states.addAll(failures(herder, name));
            }
        }
    }

    /** Stops a worker. One whose thread has ended does not stop by itself. */
    private static void stop(Runnable stop) throws InterruptedException {
        Thread t = new Thread(stop);
        t.setDaemon(true);
        t.start();
        t.join(10_000);
    }

    /** Returns the first line of the trace of each task that has failed, and of its first cause. */
    private static List<String> failures(Herder herder, String name) {
        List<String> found = new ArrayList<>();
        try {
            ConnectorStateInfo info = herder.connectorStatus(name);
            if (info.connector().trace() != null) {
                found.add("the connector failed: " + causes(info.connector().trace()));
            }
            for (ConnectorStateInfo.TaskState task : info.tasks()) {
                if (task.trace() != null) {
                    found.add("the task failed: " + causes(task.trace()));
                }
            }
        } catch (ConnectException e) {
            // there is no status yet
        }
        return found;
    }

    private static String causes(String trace) {
        String last = trace.split("\n")[0];
        for (String line : trace.split("\n")) {
            if (line.startsWith("Caused by: ")) {
                last = line.substring("Caused by: ".length());
            }
        }
        return last;
    }

    private static Map<String, String> map(String text) throws Exception {
        Map<String, String> m = new HashMap<>();
        Transcript.properties(text).forEach((k, v) -> m.put((String) k, (String) v));
        return m;
    }

    /** Brings as many records as its configuration says. */
    public static final class Source extends SourceConnector {
        private Map<String, String> config;

        @Override public void start(Map<String, String> props) { config = props; }
        @Override public Class<? extends Task> taskClass() { return SourceOf.class; }
        @Override public List<Map<String, String>> taskConfigs(int max) { return Collections.singletonList(config); }
        @Override public void stop() {}
        @Override public ConfigDef config() { return new ConfigDef(); }
        @Override public String version() { return "1"; }
        @Override public ExactlyOnceSupport exactlyOnceSupport(Map<String, String> props) { return ExactlyOnceSupport.SUPPORTED; }
        @Override public ConnectorTransactionBoundaries canDefineTransactionBoundaries(Map<String, String> props) { return ConnectorTransactionBoundaries.UNSUPPORTED; }
    }

    /** The task of a Source. */
    public static final class SourceOf extends SourceTask {
        private String topic;
        private int next;
        private int count;

        @Override public String version() { return "1"; }
        @Override public void stop() {}

        @Override
        public void start(Map<String, String> props) {
            topic = props.get("to");
            count = Integer.parseInt(props.get("count"));
            Map<String, Object> kept = context.offsetStorageReader().offset(Collections.singletonMap("source", "one"));
            next = kept == null ? 0 : Integer.parseInt(kept.get("next").toString());
        }

        @Override
        public List<SourceRecord> poll() throws InterruptedException {
            if (next >= count) {
                Thread.sleep(50);
                return null;
            }
            String value = "s" + next++;
            return Collections.singletonList(new SourceRecord(Collections.singletonMap("source", "one"),
                Collections.singletonMap("next", Integer.toString(next)), topic, 0, Schema.STRING_SCHEMA, "k", Schema.STRING_SCHEMA, value));
        }
    }

    /** Keeps what it gets in GOT. */
    public static final class Sink extends SinkConnector {
        private Map<String, String> config;

        @Override public void start(Map<String, String> props) { config = props; }
        @Override public Class<? extends Task> taskClass() { return SinkOf.class; }
        @Override public List<Map<String, String>> taskConfigs(int max) { return Collections.singletonList(config); }
        @Override public void stop() {}
        @Override public ConfigDef config() { return new ConfigDef(); }
        @Override public String version() { return "1"; }
    }

    /** The task of a Sink. */
    public static final class SinkOf extends SinkTask {
        private String name;
        private boolean reports;

        @Override public String version() { return "1"; }
        @Override public void stop() {}

        @Override
        public void start(Map<String, String> props) {
            name = props.get("name");
            reports = "true".equals(props.get("report"));
        }

        @Override
        public void put(Collection<SinkRecord> records) {
            for (SinkRecord r : records) {
                if (reports) {
                    context.errantRecordReporter().report(r, new ConnectException("bad record"));
                }
                Worker.GOT.get(name).add(r.topic() + ":" + r.value());
            }
        }

        @Override
        public Map<TopicPartition, OffsetAndMetadata> preCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {
            return offsets;
        }
    }
}
