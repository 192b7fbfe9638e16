// kafkajs through the proxy: what alice may do, and what mallory hears when it is
// refused. The only argument is the address of the proxy. What is asserted is counted;
// the caller knows how many there are.
import assert from 'node:assert/strict'
import kafkajs from 'kafkajs'

const { Kafka, logLevel, AclResourceTypes, AclOperationTypes, AclPermissionTypes, ResourcePatternTypes, ConfigResourceTypes } = kafkajs
const broker = process.argv[2]
let assertions = 0

// as returns a client that logs in as the user.
const as = (username, mechanism = 'scram-sha-256') => new Kafka({
  clientId: `kafkajs-${username}`,
  brokers: [broker],
  sasl: { mechanism, username, password: `${username}-secret` },
  logLevel: logLevel.NOTHING,
  retry: { retries: 2, initialRetryTime: 50 },
})

const equal = (got, want, what) => {
  assert.deepEqual(got, want, what)
  assertions++
}

// refused asserts the error code that the client reports: that of the response, which
// kafkajs may wrap in others.
const refused = async (type, what, action) => {
  try {
    await action()
  } catch (error) {
    const types = []
    for (let e = error; e; e = e.cause ?? e.originalError) types.push(e.type, ...[...(e.errors ?? []), ...(e.groups ?? []).map(g => g.error)].map(x => x.type))
    assert.ok(types.includes(type), `${what}: ${error.name}: ${error.message} (${types}), want ${type}`)
    assertions++
    return
  }
  assert.fail(`${what}: not refused, want ${type}`)
}

// using runs an action with something that is connected for as long.
const using = async (connection, action) => {
  await connection.connect()
  try {
    return await action(connection)
  } finally {
    await connection.disconnect()
  }
}

// consume returns the values of the first messages that a group reads, or rejects with
// what made the consumer crash.
const consume = (kafka, groupId, topic, count) => using(kafka.consumer({ groupId, retry: { retries: 0 } }), async consumer => {
  await consumer.subscribe({ topic, fromBeginning: true })
  const values = []
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    consumer.run({
      eachMessage: async ({ message }) => {
        values.push(message.value.toString())
        if (values.length === count) resolve()
      },
    }).catch(reject)
  })
  return values
})

const alice = as('alice')
const mallory = as('mallory', 'plain')
const operator = as('operator', 'scram-sha-512')
const mallorysAdmin = action => using(mallory.admin(), action)

// produce
const sent = await using(alice.producer(), p => p.send({ topic: 'orders', messages: [{ value: 'js-1' }, { value: 'js-2' }] }))
equal(sent.map(r => r.errorCode), [0], 'alice produces')
await refused('TOPIC_AUTHORIZATION_FAILED', 'mallory produces', () =>
  using(mallory.producer(), p => p.send({ topic: 'orders', messages: [{ value: 'js-refused' }] })))
await refused('TOPIC_AUTHORIZATION_FAILED', 'mallory produces unseen', () =>
  using(mallory.producer(), p => p.send({ topic: 'secret', messages: [{ value: 'js-refused' }] })))

// consume in a group
const got = await consume(alice, 'readers-js', 'orders', 2)
equal(got.filter(v => v === 'js-refused'), [], 'no refused record is stored')
equal(got.length, 2, 'alice consumes')
// Mallory may describe this group, and so find its coordinator: of a refusal to find it
// kafkajs reports only that it was not found.
await refused('GROUP_AUTHORIZATION_FAILED', 'mallory consumes in a group', () => consume(mallory, 'readers-js', 'orders', 1))
await assert.rejects(consume(mallory, 'readers-hidden', 'orders', 1), { name: 'KafkaJSGroupCoordinatorNotFound' })
assertions++

// transactions
await using(alice.producer({ transactionalId: 'alice-js', idempotent: true, maxInFlightRequests: 1 }), async p => {
  const transaction = await p.transaction()
  const [result] = await transaction.send({ topic: 'orders', messages: [{ value: 'js-tx' }] })
  await transaction.commit()
  equal(result.errorCode, 0, 'alice commits a transaction')
})
await refused('TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'mallory begins a transaction', () =>
  using(mallory.producer({ transactionalId: 'alice-js', idempotent: true, maxInFlightRequests: 1 }), p => p.transaction()))

// what there is
equal((await using(alice.admin(), a => a.listTopics())).includes('orders'), true, 'alice lists her topic')
equal((await using(alice.admin(), a => a.listTopics())).includes('secret'), false, 'alice does not hear of others')
equal((await mallorysAdmin(a => a.listTopics())).sort(), ['orders', 'suggestions'], 'mallory lists what mallory may see')
await refused('TOPIC_AUTHORIZATION_FAILED', 'mallory asks for a topic', () => mallorysAdmin(a => a.fetchTopicMetadata({ topics: ['secret'] })))

// topics and their configuration
const topic = 'alice.js'
await using(alice.admin(), async a => {
  equal(await a.createTopics({ topics: [{ topic, numPartitions: 1 }] }), true, 'alice creates a topic')
  const described = await a.describeConfigs({ includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }] })
  equal(described.resources.map(r => r.errorCode), [0], 'alice describes a configuration')
  await a.deleteTopics({ topics: [topic] })
  equal((await a.listTopics()).includes(topic), false, 'alice deletes a topic')
})
await refused('TOPIC_AUTHORIZATION_FAILED', 'mallory creates a topic', () => mallorysAdmin(a => a.createTopics({ topics: [{ topic: 'mallory' }] })))
await refused('TOPIC_AUTHORIZATION_FAILED', 'mallory deletes a topic', () => mallorysAdmin(a => a.deleteTopics({ topics: ['orders'] })))
await refused('GROUP_AUTHORIZATION_FAILED', 'mallory deletes a group', () => mallorysAdmin(a => a.deleteGroups(['readers-js'])))

// ACLs
const acl = {
  resourceType: AclResourceTypes.TOPIC, resourceName: 'granted-js', resourcePatternType: ResourcePatternTypes.LITERAL,
  principal: 'User:alice', host: '*', operation: AclOperationTypes.READ, permissionType: AclPermissionTypes.ALLOW,
}
await using(operator.admin(), async a => {
  equal(await a.createAcls({ acl: [acl] }), true, 'the operator creates an ACL')
  equal((await a.describeAcls(acl)).resources.map(r => r.resourceName), ['granted-js'], 'the operator finds it')
  const deleted = await a.deleteAcls({ filters: [acl] })
  equal(deleted.filterResponses.map(r => [r.errorCode, r.matchingAcls.length]), [[0, 1]], 'the operator deletes it')
  equal((await a.describeAcls(acl)).resources, [], 'it is gone')
})
await refused('CLUSTER_AUTHORIZATION_FAILED', 'mallory creates an ACL', () => mallorysAdmin(a => a.createAcls({ acl: [acl] })))
await refused('CLUSTER_AUTHORIZATION_FAILED', 'mallory lists ACLs', () => mallorysAdmin(a => a.describeAcls(acl)))
await refused('CLUSTER_AUTHORIZATION_FAILED', 'mallory deletes ACLs', () => mallorysAdmin(a => a.deleteAcls({ filters: [acl] })))

// whoever has the wrong password is nobody
const impostor = new Kafka({
  brokers: [broker],
  sasl: { mechanism: 'plain', username: 'alice', password: 'wrong' },
  logLevel: logLevel.NOTHING,
  retry: { retries: 0 },
})
await assert.rejects(using(impostor.admin(), a => a.listTopics()), { name: 'KafkaJSSASLAuthenticationError' })
assertions++

console.log(`kafkajs: ${assertions} assertions`)
process.exit(0)
