import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;

/** What only clients of version 4 have. */
public final class NewClients {
    private NewClients() {}

    /** The arguments are as those of Clients. */
    public static String run(String[] a) throws Exception {
        Transcript out = new Transcript();
        Properties p = Transcript.properties(a[1]);
        out.step(a[0], () -> {
            switch (a[0]) {
                case "share": share(out, p, a[2], Integer.parseInt(a[3]), a[4]); break;
                case "re2j": re2j(out, p, a[2], Integer.parseInt(a[3]), a[4]); break;
                case "grow": grow(out, p, a[2], a[3], a[4], a[5], a[6]); break;
                case "describe": describe(out, p, a[2], a[3], a[4]); break;
                default: throw new IllegalArgumentException(a[0]);
            }
        });
        return out.text();
    }

    /** Reads n records as a member of a share group. It goes on after an exception, as a share consumer may. */
    private static void share(Transcript out, Properties p, String topics, int n, String seconds) throws Exception {
        TreeSet<String> seen = new TreeSet<>();
        TreeSet<String> errors = new TreeSet<>();
        KafkaShareConsumer<String, String> consumer = new KafkaShareConsumer<>(p, new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(Clients.names(topics));
        for (long end = Transcript.deadline(seconds); seen.size() < n && System.nanoTime() < end; ) {
            try {
                for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(200))) {
                    seen.add(r.topic() + ":" + r.value());
                }
                for (Object e : consumer.commitSync().values()) {
                    if (((java.util.Optional<?>) e).isPresent()) {
                        errors.add("commit: " + Transcript.describe((Throwable) ((java.util.Optional<?>) e).get()));
                    }
                }
            } catch (Exception e) {
                errors.add(Transcript.describe(e));
            }
        }
        out.add("read " + seen);
        errors.forEach(out::add);
        long began = System.nanoTime();
        out.step("close", () -> consumer.close(Duration.ofSeconds(20)));
        out.add("closed in time: " + (System.nanoTime() - began < 15_000_000_000L));
    }

    private static void re2j(Transcript out, Properties p, String pattern, int n, String seconds) throws Exception {
        try (KafkaConsumer<String, String> consumer = Clients.consumer(p)) {
            consumer.subscribe(new SubscriptionPattern(pattern));
            Clients.poll(out, consumer, n, seconds);
            if (out.step("commit", consumer::commitSync)) {
                out.add("offsets committed");
            }
        }
    }

    /** Subscribes to a pattern; later the topic is made, by somebody else, and a record written. */
    private static void grow(Transcript out, Properties p, String how, String what, String topic, String owner, String seconds) throws Exception {
        Properties other = Transcript.properties(owner);
        try (KafkaConsumer<String, String> consumer = Clients.consumer(p); Admin admin = Admin.create(other); KafkaProducer<String, String> producer = Clients.producer(other)) {
            if (how.equals("re2j")) {
                consumer.subscribe(new SubscriptionPattern(what));
            } else {
                consumer.subscribe(Pattern.compile(what));
            }
            Clients.poll(out, consumer, 1, "2");
            admin.createTopics(Collections.singleton(new NewTopic(topic, 1, (short) 1))).all().get();
            producer.send(new ProducerRecord<>(topic, "later")).get();
            Clients.poll(out, consumer, 1, seconds);
        }
    }

    /** Asks for all that the administration client shows without a change. */
    private static void describe(Transcript out, Properties p, String topic, String group, String transactionalId) {
        try (Admin admin = Admin.create(p)) {
            out.step("topics", () -> out.add("topics " + new TreeSet<>(admin.listTopics().names().get())));
            out.step("topic", () -> out.add("partitions " + admin.describeTopics(Collections.singleton(topic)).allTopicNames().get().get(topic).partitions().size()));
            out.step("groups", () -> {
                TreeSet<String> found = new TreeSet<>();
                admin.listConsumerGroups().all().get().forEach(g -> found.add(g.groupId()));
                out.add("group " + found.contains(group));
            });
            out.step("group", () -> out.add("group is " + admin.describeConsumerGroups(Collections.singleton(group)).all().get().get(group).state()));
            out.step("offsets", () -> out.add("offsets " + admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().size()));
            out.step("cluster", () -> out.add("nodes " + admin.describeCluster().nodes().get().size()));
            Map<String, ConfigResource> resources = new HashMap<>();
            resources.put("topic", new ConfigResource(ConfigResource.Type.TOPIC, topic));
            resources.put("broker", new ConfigResource(ConfigResource.Type.BROKER, "1"));
            resources.put("group", new ConfigResource(ConfigResource.Type.valueOf("GROUP"), group));
            for (String kind : new TreeSet<>(resources.keySet())) {
                ConfigResource r = resources.get(kind);
                out.step("configs of the " + kind, () -> out.add(kind + " has configs: " + !admin.describeConfigs(Collections.singleton(r)).all().get().get(r).entries().isEmpty()));
            }
            out.step("acls", () -> out.add("acls " + !admin.describeAcls(org.apache.kafka.common.acl.AclBindingFilter.ANY).values().get().isEmpty()));
            out.step("log dirs", () -> out.add("log dirs " + admin.describeLogDirs(Collections.singleton(1)).allDescriptions().get().size()));
            out.step("reassignments", () -> out.add("reassignments " + admin.listPartitionReassignments().reassignments().get().size()));
            out.step("quotas", () -> out.add("quotas " + admin.describeClientQuotas(org.apache.kafka.common.quota.ClientQuotaFilter.all()).entities().get().size()));
            out.step("quorum", () -> out.add("leader " + admin.describeMetadataQuorum().quorumInfo().get().leaderId()));
            out.step("producers", () -> out.add("producers " + admin.describeProducers(Collections.singleton(new TopicPartition(topic, 0))).all().get().size()));
            out.step("transactions", () -> out.add("transactions " + admin.listTransactions().all().get().stream().anyMatch(t -> t.transactionalId().equals(transactionalId))));
            out.step("transaction", () -> out.add("transaction " + admin.describeTransactions(Collections.singleton(transactionalId)).all().get().get(transactionalId).state()));
            out.step("scram", () -> out.add("scram " + admin.describeUserScramCredentials(Collections.singletonList("nobody")).all().get().size()));
        }
    }
}
