"""confluent-kafka for Python, which is librdkafka: prints what a producer, a consumer or a
transaction comes to. The arguments are the address, the user, what to do, a topic, and a
group or a transactional id."""

import sys

from confluent_kafka import Consumer, KafkaException, Producer

TIMEOUT = 20
address, user, action, topic, name = sys.argv[1:]


def settings(**more):
    return {
        "bootstrap.servers": address,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": user,
        "sasl.password": user + "-secret",
        "log_level": 0,
        **{k.replace("_", "."): v for k, v in more.items()},
    }


def produce(producer):
    producer.produce(topic, b"one", on_delivery=lambda error, message: print("delivered", error))
    producer.flush(TIMEOUT)


def consume():
    consumer = Consumer(settings(group_id=name, auto_offset_reset="earliest", enable_auto_commit=False))
    consumer.subscribe([topic])
    message = consumer.poll(TIMEOUT)
    if message is None:
        print("nothing")
    elif message.error():
        print("error", message.error())
    else:
        print("read", message.value())
        print("committed", [p.error for p in consumer.commit(message, asynchronous=False)])
    consumer.close()


def transact():
    producer = Producer(settings(transactional_id=name))
    producer.init_transactions(TIMEOUT)
    producer.begin_transaction()
    produce(producer)
    producer.commit_transaction(TIMEOUT)
    print("the transaction is committed")


try:
    {"produce": lambda: produce(Producer(settings())), "consume": consume, "transact": transact}[action]()
except KafkaException as e:
    print("exception", e.args[0].code(), e.args[0].str())
