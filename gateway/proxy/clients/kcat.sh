#!/usr/bin/env bash
# kcat, which is librdkafka, through the proxy: what alice may do, and what mallory hears
# when it is refused. The only argument is the address of the proxy. What is asserted is
# counted; the caller knows how many there are. kcat has no calls for ACLs. It logs in by
# PLAIN: the librdkafka of Debian 12 sends a nonce with SCRAM that Kafka refuses too.
set -euo pipefail
broker=$1
assertions=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# as USER OPTIONS… runs kcat as the user, with what it prints in $out. Its exit status is
# not looked at: kcat ends with 0 after errors of single messages.
as() {
  local user=$1
  shift
  timeout 60 kcat -b "$broker" -X security.protocol=SASL_PLAINTEXT -X sasl.mechanism=PLAIN \
    -X "sasl.username=$user" -X "sasl.password=$user-secret" "$@" >"$out" 2>&1 || true
}

# finds TEXT WHAT and lacks TEXT WHAT assert on what kcat printed.
finds() {
  grep -qF -- "$1" "$out" || { echo "$2: kcat does not print $1, but:" >&2; cat "$out" >&2; exit 1; }
  assertions=$((assertions + 1))
}
lacks() {
  ! grep -qF -- "$1" "$out" || { echo "$2: kcat prints $1:" >&2; cat "$out" >&2; exit 1; }
  assertions=$((assertions + 1))
}

topic_refused='Topic authorization failed'
group_refused='Group authorization failed'
transaction_refused='Transactional Id authorization failed'

# produce
as alice -P -t orders -p 0 < <(echo kcat-1)
lacks 'failed' 'alice produces'
as mallory -P -t orders -p 0 < <(echo kcat-refused)
finds "$topic_refused" 'mallory produces'
as mallory -P -t secret -p 0 < <(echo kcat-refused)
finds "$topic_refused" 'mallory produces unseen'

# consume
as alice -C -t orders -o beginning -e -q
finds 'kcat-1' 'alice consumes'
lacks 'kcat-refused' 'no refused record is stored'
as mallory -C -t secret -p 0 -o beginning -e
finds "$topic_refused" 'mallory consumes'

# consume in a group
as alice -G readers-kcat -X auto.offset.reset=earliest -c 1 -q orders
lacks 'failed' 'alice consumes in a group'
as mallory -G readers-kcat -X auto.offset.reset=earliest -c 1 orders
finds "$group_refused" 'mallory consumes in a group'

# transactions
as alice -P -t orders -p 0 -X transactional.id=alice-kcat < <(echo kcat-tx)
lacks 'failed' 'alice commits a transaction'
as mallory -P -t suggestions -p 0 -X transactional.id=alice-kcat < <(echo kcat-refused)
finds "$transaction_refused" 'mallory begins a transaction'

# what there is
as alice -L
finds 'topic "orders"' 'alice lists her topic'
lacks 'secret' 'alice does not hear of others'
as mallory -L
finds '2 topics:' 'mallory lists what mallory may see'
lacks 'secret' 'mallory does not hear of others'
as mallory -L -t secret
finds "$topic_refused" 'mallory asks for a topic'

echo "kcat: $assertions assertions"
