"""confluent-kafka for Python, which is librdkafka, through the proxy: what alice may do,
and what mallory hears when it is refused. The only argument is the address of the proxy.
What is asserted is counted; the caller knows how many there are. ACLs are kafkajs's and
kadm's part."""

import sys

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

TIMEOUT = 30
assertions = 0


def settings(user, mechanism="PLAIN", **more):
    return {
        "bootstrap.servers": sys.argv[1],
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": user + "-secret",
        "client.id": "confluent-" + user,
        **{k.replace("_", "."): v for k, v in more.items()},
    }


def equal(got, want, what):
    global assertions
    if got != want:
        sys.exit(f"{what}: {got!r}, want {want!r}")
    assertions += 1


def refused(code, what, action):
    """Asserts the error code that the client reports."""
    global assertions
    try:
        action()
    except KafkaException as e:
        if e.args[0].code() != code:
            sys.exit(f"{what}: {e.args[0]!r}, want {code}")
        assertions += 1
        return
    sys.exit(f"{what}: not refused, want {code}")


def produce(user, topic, value, mechanism="PLAIN"):
    """Returns the partition's offset, or raises what the delivery report says."""
    reports = []
    producer = Producer(settings(user, mechanism, message_timeout_ms=TIMEOUT * 1000))
    producer.produce(topic, value, on_delivery=lambda err, msg: reports.append((err, msg)))
    producer.flush(TIMEOUT)
    (error, message), = reports
    if error is not None:
        raise KafkaException(error)
    return message.offset()


def consume(user, group, topic):
    """Returns the first record that a group reads, and commits it."""
    consumer = Consumer(settings(user, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False))
    consumer.subscribe([topic])
    try:
        message = consumer.poll(TIMEOUT)
        if message is None:
            sys.exit(f"{user} reads nothing of {topic} in {group}")
        if message.error():
            raise KafkaException(message.error())
        committed = consumer.commit(message, asynchronous=False)
        return message.value(), [p.error for p in committed]
    finally:
        consumer.close()


def transact(user, transactional_id):
    producer = Producer(settings(user, transactional_id=transactional_id))
    producer.init_transactions(TIMEOUT)
    producer.begin_transaction()
    producer.produce("orders", b"py-tx")
    producer.commit_transaction(TIMEOUT)


def topics(user):
    return set(AdminClient(settings(user)).list_topics(timeout=TIMEOUT).topics)


def done(futures):
    for future in futures.values():
        future.result(TIMEOUT)


# produce
equal(produce("alice", "orders", b"py-1", "SCRAM-SHA-256") >= 0, True, "alice produces")
refused(KafkaError.TOPIC_AUTHORIZATION_FAILED, "mallory produces", lambda: produce("mallory", "orders", b"py-refused"))
refused(KafkaError.TOPIC_AUTHORIZATION_FAILED, "mallory produces unseen", lambda: produce("mallory", "secret", b"py-refused"))

# consume in a group
value, errors = consume("alice", "readers-py", "orders")
equal(value == b"py-refused", False, "no refused record is stored")
equal(errors, [None], "alice commits")
refused(KafkaError.GROUP_AUTHORIZATION_FAILED, "mallory consumes in a group", lambda: consume("mallory", "readers-py", "orders"))
refused(KafkaError.TOPIC_AUTHORIZATION_FAILED, "alice consumes a topic of others", lambda: consume("alice", "readers-py-2", "secret"))

# transactions
transact("alice", "alice-py")
assertions += 1
refused(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "mallory begins a transaction", lambda: transact("mallory", "alice-py"))

# what there is
equal("orders" in topics("alice"), True, "alice lists her topic")
equal("secret" in topics("alice"), False, "alice does not hear of others")
equal(topics("mallory"), {"orders", "suggestions"}, "mallory lists what mallory may see")
metadata = AdminClient(settings("mallory")).list_topics("secret", TIMEOUT).topics["secret"]
equal((metadata.error.code(), len(metadata.partitions)), (KafkaError.TOPIC_AUTHORIZATION_FAILED, 0), "mallory asks for a topic")

# topics and their configuration
alice, mallory = AdminClient(settings("alice")), AdminClient(settings("mallory"))
done(alice.create_topics([NewTopic("alice.py", 1, 1)]))
assertions += 1
done(alice.describe_configs([ConfigResource("topic", "alice.py")]))
assertions += 1
done(alice.delete_topics(["alice.py"]))
assertions += 1
refused(KafkaError.TOPIC_AUTHORIZATION_FAILED, "mallory creates a topic", lambda: done(mallory.create_topics([NewTopic("mallory", 1, 1)])))
refused(KafkaError.TOPIC_AUTHORIZATION_FAILED, "mallory deletes a topic", lambda: done(mallory.delete_topics(["orders"])))
refused(KafkaError.TOPIC_AUTHORIZATION_FAILED, "mallory describes a configuration",
        lambda: done(mallory.describe_configs([ConfigResource("topic", "orders")])))
refused(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "mallory describes a broker",
        lambda: done(mallory.describe_configs([ConfigResource("broker", "0")])))

print(f"confluent-kafka: {assertions} assertions")
