import java.time.Duration;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
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
                case "change":
                    describe(out, p, a[2], a[3], a[4]);
                    change(out, p, a[2], a[3], a[4], a[5]);
                    break;
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
            out.step("quotas", () -> {
                admin.describeClientQuotas(org.apache.kafka.common.quota.ClientQuotaFilter.all()).entities().get();
                out.add("quotas"); // there are those of others too
            });
            out.step("quorum", () -> out.add("leader " + admin.describeMetadataQuorum().quorumInfo().get().leaderId()));
            out.step("producers", () -> out.add("producers " + admin.describeProducers(Collections.singleton(new TopicPartition(topic, 0))).all().get().size()));
            out.step("transactions", () -> out.add("transactions " + admin.listTransactions().all().get().stream().anyMatch(t -> t.transactionalId().equals(transactionalId))));
            out.step("transaction", () -> out.add("transaction " + admin.describeTransactions(Collections.singleton(transactionalId)).all().get().get(transactionalId).state()));
            out.step("scram", () -> out.add("scram " + admin.describeUserScramCredentials(Collections.singletonList("nobody")).all().get().size()));
        }
    }

    private static ConfigResource config(String type, String name) {
        return new ConfigResource(ConfigResource.Type.valueOf(type), name);
    }

    private static Map<ConfigResource, Collection<AlterConfigOp>> set(ConfigResource r, String key, String value) {
        return Map.of(r, List.of(new AlterConfigOp(new ConfigEntry(key, value), AlterConfigOp.OpType.SET)));
    }

    /** Changes all that the administration client can: what it changes is its own, or stays as it is. */
    private static void change(Transcript out, Properties p, String topic, String group, String transactionalId, String newTopic) {
        TopicPartition partition = new TopicPartition(topic, 0);
        try (Admin admin = Admin.create(p)) {
            out.step("create topic", () -> admin.createTopics(Set.of(new NewTopic(newTopic, 1, (short) 1))).all().get());
            out.step("more partitions", () -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(2))).all().get());
            out.step("configs of the topic", () -> admin.incrementalAlterConfigs(set(config("TOPIC", topic), "retention.ms", "100000000")).all().get());
            out.step("configs of the group", () -> admin.incrementalAlterConfigs(set(config("GROUP", group), "consumer.session.timeout.ms", "50000")).all().get());
            out.step("configs of the broker", () -> admin.incrementalAlterConfigs(set(config("BROKER", "1"), "log.cleaner.backoff.ms", "15000")).all().get());
            ClientQuotaEntity user = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, group));
            out.step("quotas", () -> admin.alterClientQuotas(Set.of(new ClientQuotaAlteration(user, Set.of(new ClientQuotaAlteration.Op("producer_byte_rate", 1e6))))).all().get());
            AclBinding binding = new AclBinding(new ResourcePattern(ResourceType.TOPIC, newTopic, PatternType.LITERAL),
                new AccessControlEntry("User:nobody", "*", AclOperation.READ, AclPermissionType.ALLOW));
            out.step("create acl", () -> admin.createAcls(Set.of(binding)).all().get());
            out.step("delete acl", () -> out.add("deleted acls " + admin.deleteAcls(Set.of(binding.toFilter())).all().get().size()));
            out.step("elect", () -> admin.electLeaders(ElectionType.PREFERRED, Set.of(partition)).all().get());
            out.step("reassign", () -> admin.alterPartitionReassignments(Map.of(partition, Optional.of(new NewPartitionReassignment(List.of(1))))).all().get());
            out.step("features", () -> admin.updateFeatures(Map.of("share.version", new FeatureUpdate((short) 0, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE)),
                new UpdateFeaturesOptions().validateOnly(true)).all().get());
            out.step("unregister", () -> admin.unregisterBroker(99).all().get());
            out.step("commit", () -> admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(1))).all().get());
            out.step("delete offsets", () -> admin.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get());
            out.step("delete records", () -> out.add("begins with " + admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(2))).lowWatermarks().get(partition).get().lowWatermark()));
            out.step("fence", () -> admin.fenceProducers(Set.of(transactionalId)).all().get());
            out.step("delete group", () -> admin.deleteConsumerGroups(Set.of(group)).all().get());
            out.step("delete topic", () -> admin.deleteTopics(Set.of(topic)).all().get());
            out.add("all was tried");
        }
    }
}
