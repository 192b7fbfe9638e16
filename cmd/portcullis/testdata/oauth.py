# Lists the topics that a client of librdkafka sees: ADDRESS, with the token of standard input.
import sys, time
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

token = sys.stdin.read()
errors = []
client = AdminClient({
    "bootstrap.servers": sys.argv[1], "security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": "OAUTHBEARER",
    "oauth_cb": lambda _: (token, time.time() + 600), "error_cb": lambda e: errors.append(str(e)),
})
try:
    client.poll(1)
    print(" ".join(sorted(client.list_topics(timeout=8).topics)))
except KafkaException:
    client.poll(1)
    sys.exit("\n".join(errors))
