// kafkajs: prints what it does, or what it is told where it may not. The arguments are the
// address, the user, what to do, and names.
import kafkajs from 'kafkajs'

const { Kafka, logLevel, AclResourceTypes, AclOperationTypes, AclPermissionTypes, ResourcePatternTypes } = kafkajs
const [broker, username, action, ...names] = process.argv.slice(2)
const recordsEach = 5

const kafka = new Kafka({
  clientId: 'kafkajs',
  brokers: [broker],
  sasl: { mechanism: 'plain', username, password: `${username}-secret` },
  logLevel: logLevel.NOTHING,
  retry: { retries: 4, initialRetryTime: 100 },
})

// using runs an action with something that is connected for as long.
const using = async (connection, act) => {
  await connection.connect()
  try {
    return await act(connection)
  } finally {
    await connection.disconnect()
  }
}

const produce = (topic, options) => using(kafka.producer(options), async p => {
  const sent = await p.send({ topic, messages: [{ value: 'one' }, { value: 'two' }] })
  console.log('produced', JSON.stringify(sent.map(r => [r.partition, r.errorCode, r.baseOffset])))
})

const acl = name => ({
  resourceType: AclResourceTypes.TOPIC, resourceName: name, resourcePatternType: ResourcePatternTypes.LITERAL,
  principal: 'User:granted', host: '*', operation: AclOperationTypes.READ, permissionType: AclPermissionTypes.ALLOW,
})

// aclNames returns the names of the resources of the ACLs that a filter finds.
const aclNames = async (admin, filter) => (await admin.describeAcls(filter)).resources.map(r => r.resourceName)

const actions = {
  produce: topic => produce(topic, {}),
  idempotent: topic => produce(topic, { idempotent: true, maxInFlightRequests: 1 }),
  transact: (topic, transactionalId, groupId, from) => using(kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 }), async p => {
    const transaction = await p.transaction()
    try {
      const sent = await transaction.send({ topic, messages: [{ value: 'one' }] })
      console.log('produced', JSON.stringify(sent.map(r => [r.partition, r.errorCode])))
      await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic: from, partitions: [{ partition: 0, offset: '3' }] }] })
      console.log('offsets sent')
    } catch (error) {
      await transaction.abort()
      throw error
    }
    await transaction.commit()
    console.log('committed')
  }),
  consume: (topic, groupId) => using(kafka.consumer({ groupId, retry: { retries: 0 } }), async consumer => {
    await consumer.subscribe({ topic, fromBeginning: true })
    const values = []
    await new Promise((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      consumer.run({
        autoCommit: false,
        eachMessage: async ({ message }) => {
          values.push(message.value.toString())
          if (values.length === recordsEach) resolve()
        },
      }).catch(reject)
    })
    console.log('read', values.join(' '))
    await consumer.commitOffsets([{ topic, partition: 0, offset: String(recordsEach) }])
    console.log('committed')
  }),
  create: topic => using(kafka.admin(), async admin => {
    console.log('created', await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true }))
  }),
  describe: topic => using(kafka.admin(), async admin => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    console.log('described', JSON.stringify(topics.map(t => [t.name, t.partitions.map(p => [p.partitionId, p.partitionErrorCode])])))
  }),
  grant: name => using(kafka.admin(), async admin => {
    console.log('granted', await admin.createAcls({ acl: [acl(name)] }))
    const deadline = Date.now() + 10_000 // a broker hears of it a moment later
    while ((await aclNames(admin, acl(name))).length === 0 && Date.now() < deadline) await new Promise(done => setTimeout(done, 50))
    console.log('found', await aclNames(admin, acl(name)))
    const { filterResponses } = await admin.deleteAcls({ filters: [acl(name)] })
    console.log('revoked', JSON.stringify(filterResponses.map(r => [r.errorCode, r.matchingAcls.map(a => a.resourceName)])))
  }),
  acls: name => using(kafka.admin(), async admin => {
    const mine = { ...acl(name), principal: `User:${username}`, operation: AclOperationTypes.ANY, permissionType: AclPermissionTypes.ANY }
    console.log('found', (await aclNames(admin, mine)).length)
  }),
}

// told returns all that an error says: kafkajs wraps that of the response in others.
const told = error => {
  const lines = []
  for (let e = error; e; e = e.cause ?? e.originalError) {
    lines.push(`${e.name} ${e.type ?? ''} ${e.code ?? ''}: ${e.message}`)
    for (const inner of [...(e.errors ?? []), ...(e.groups ?? []).map(g => g.error)]) lines.push(`  ${inner.name} ${inner.type}: ${inner.message}`)
  }
  return lines.join('\n')
}

try {
  await actions[action](...names)
} catch (error) {
  console.log(told(error))
  process.exit(1)
}
process.exit(0)
