// The recipes of docs/recipes.md, run as they stand, on a broker of their own and a real SMTP server.
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { spawnChild, startRabbitCluster, temporaryFolder, waitFor } from '@payflow/testkit'
import type { RabbitCluster, RabbitNode } from '@payflow/testkit'
import { consumeOrders } from '../examples/consume.ts'
import { countViews, PageViewed } from '../examples/count-in-batches.ts'
import { AccountMoved, stuckAccounts, writeStatements } from '../examples/keep-order.ts'
import { notifyMany, OrderShipped } from '../examples/notify-many.ts'
import { payOrder, processOrders } from '../examples/process-orders.ts'
import { busOfCluster } from '../examples/rotate-credentials.ts'
import { putRight } from '../examples/put-right.ts'
import { MailWanted, sendMail } from '../examples/send-mail.ts'
import { startShopBus } from '../examples/shop-bus.ts'
import type { Bus } from '../src/index.ts'
import { openMailbox } from './support/mailbox.ts'
import type { Mailbox } from './support/mailbox.ts'
import { createWorld } from './support/world.ts'
import type { World } from './support/world.ts'

let cluster: RabbitCluster
let broker: RabbitNode
let world: World
let bus: Bus
beforeAll(async () => {
  cluster = await startRabbitCluster({ nodes: 1 })
  broker = cluster.nodes[0] as RabbitNode
})
afterAll(async () => {
  await cluster.stop()
})
beforeEach(async () => {
  world = await createWorld({ rabbitmqUrl: broker.url })
  bus = startShopBus(world.db, broker.url, (event) => world.events.push(event))
})
afterEach(async () => {
  await bus.drain({ deadlineMs: 5_000 })
  await world.dispose()
})

/** All rows of a small query, for comparison. */
async function rows(query: string): Promise<unknown[]> {
  return (await sql.raw(query).execute(world.db)).rows
}

async function until(query: string, expected: unknown[]): Promise<void> {
  const same = async () => JSON.stringify(await rows(query)) === JSON.stringify(expected)
  await waitFor(same, { message: () => query, timeoutMs: 30_000 })
}

describe('process-orders', () => {
  beforeEach(async () => {
    await sql`create table orders (id text primary key, sku text, pieces int, state text)`.execute(
      world.db,
    )
    await sql`create table stock (sku text primary key, free int not null)`.execute(world.db)
    await sql`insert into stock values ('tea', 10)`.execute(world.db)
    await sql`insert into orders values
      ('o-1', 'tea', 3, 'placed'), ('o-2', 'moon', 1, 'placed'), ('o-3', 'tea', 2, 'placed')`.execute(
      world.db,
    )
    await processOrders(bus)
    await bus.topology.apply()
  })

  it('ships what is paid, parks the order nobody can fill, and ships it once it can be', async () => {
    const ids = []
    for (const order of ['o-1', 'o-2', 'o-3']) ids.push(await payOrder(bus, world.db, order))
    await until(`select id, state from orders order by id`, [
      { id: 'o-1', state: 'shipped' },
      { id: 'o-2', state: 'paid' },
      { id: 'o-3', state: 'shipped' },
    ])
    expect(await rows('select free from stock')).toEqual([{ free: 5 }])

    await waitFor(async () => (await world.ready('stock.parked')) === 1)
    const { messages } = await bus.parked('stock').list()
    expect(messages).toMatchObject([{ id: ids[1], reason: 'unknown-sku', consumer: 'stock' }])
    await sql`insert into stock values ('moon', 1)`.execute(world.db)
    expect(await putRight(bus)).toMatchObject({ outcome: 'done', moved: 1, refused: 0 })
    await until(`select state from orders where id = 'o-2'`, [{ state: 'shipped' }])
    await expect(payOrder(bus, world.db, 'o-2')).rejects.toThrow('paid already')
  })
})

const messageIds = ({ received }: Mailbox) =>
  received.map((mail) => /^message-id: (.*)$/im.exec(mail)?.[1]?.trim())

describe('send-mail', () => {
  const mail = { to: 'ada@example.com', subject: 'Hello', text: 'A line.' }
  const createSentMail = () =>
    sql`create table sent_mail (id text primary key, recipient text, response text)`.execute(
      world.db,
    )
  let mailbox: Mailbox
  beforeEach(async () => {
    mailbox = await openMailbox()
    await sendMail(bus, mailbox.url)
    await bus.topology.apply()
  })
  afterEach(async () => {
    await mailbox.close()
  })

  it('sends a mail, again after a temporary refusal, and parks one that is refused for good', async () => {
    await createSentMail()
    mailbox.refuseNext(451)
    const { id } = await bus.publish(MailWanted, mail)
    await until('select id, recipient from sent_mail', [{ id, recipient: mail.to }])
    expect(messageIds(mailbox)).toEqual([`<${id}@shop.example>`])
    expect(mailbox.received[0]).toContain('A line.')
    expect(world.eventsOf('message.retried')).toHaveLength(1)

    mailbox.refuseNext(550)
    await bus.publish(MailWanted, mail, { id: 'refused' })
    const parked = await world.take('mail.parked')
    expect(parked.properties.messageId).toBe('refused')
    expect(parked.properties.headers).toMatchObject({ 'payflow-reason': 'smtp-550' })
  })

  it('sends again under the same Message-ID when it dies between the sending and the record', async () => {
    await createSentMail()
    await bus.drain()
    const publisher = world.bus({ topology: { exchange: 'messages' } })
    await using worker = await spawnChild(new URL('support/mail-worker.ts', import.meta.url), {
      env: {
        DATABASE_URL: world.database.url,
        RABBITMQ_URL: broker.url,
        SMTP_URL: mailbox.url,
      },
    })
    await worker.message(({ ready }) => ready === true)
    await worker.arm('consumer.decided', 'kill')
    const { id } = await publisher.publish(MailWanted, mail)
    await worker.exited
    expect(messageIds(mailbox)).toEqual([`<${id}@shop.example>`])

    bus = startShopBus(world.db, broker.url, (event) => world.events.push(event))
    await sendMail(bus, mailbox.url)
    await until('select id from sent_mail', [{ id }])
    expect(messageIds(mailbox)).toEqual(Array.from({ length: 2 }, () => `<${id}@shop.example>`))

    // A copy of what is recorded sends nothing.
    await publisher.publish(MailWanted, mail, { id })
    await waitFor(() => world.eventsOf('message.duplicate').length > 0)
    expect(mailbox.received).toHaveLength(2)
  })
})

describe('notify-many', () => {
  it('tells each channel once, and one that fails keeps nobody waiting', async () => {
    await sql`create table bell (id text primary key, text text)`.execute(world.db)
    const mailbox = await openMailbox()
    await sql`create table sent_mail (id text, recipient text, response text)`.execute(world.db)
    await notifyMany(bus)
    await sendMail(bus, mailbox.url)
    await bus.topology.apply()
    // Analytics has no table yet: its queue retries alone.
    const { id } = await bus.publish(OrderShipped, { orderId: 'o-7', email: 'ada@example.com' })
    await until('select id, text from bell', [{ id, text: 'o-7 is on its way' }])
    await until('select recipient from sent_mail', [{ recipient: 'ada@example.com' }])
    expect(mailbox.received).toHaveLength(1)

    await sql`create table shipped_today (shop text, orders int)`.execute(world.db)
    await sql`insert into shipped_today values ('main', 0)`.execute(world.db)
    await until('select orders from shipped_today', [{ orders: 1 }])
    expect(await rows('select id from bell')).toEqual([{ id }])
    const inbox = await rows(`select consumer from queue.inbox
      where message_id = '${id}' order by consumer`)
    expect(inbox).toEqual([
      { consumer: 'notify.analytics' },
      { consumer: 'notify.bell' },
      { consumer: 'notify.mail' },
    ])
    await mailbox.close()
  })
})

describe('keep-order', () => {
  it('keeps the order of an account that has to wait, while another goes on', async () => {
    await sql`create table account (id text primary key)`.execute(world.db)
    await sql`create table statement_line (
      account text, line bigint, amount_minor bigint, balance_minor bigint
    )`.execute(world.db)
    await sql`insert into account values ('grace')`.execute(world.db)
    await writeStatements(bus)
    await bus.topology.apply()
    for (const amountMinor of [100, -30, 5]) {
      for (const account of ['ada', 'grace'])
        await bus.publish(AccountMoved, { account, amountMinor })
    }
    const statement = (account: string) =>
      `select line::int, balance_minor::int as minor from statement_line
        where account = '${account}' order by line`
    const lines = [
      { line: 1, minor: 100 },
      { line: 2, minor: 70 },
      { line: 3, minor: 75 },
    ]
    await until(statement('grace'), lines)
    await waitFor(() => stuckAccounts(bus, 0).some(({ waiting }) => waiting === 2))
    expect(stuckAccounts(bus, 0)).toMatchObject([{ key: 'ada' }])
    expect(await rows(statement('ada'))).toEqual([])

    await sql`insert into account values ('ada')`.execute(world.db)
    await until(statement('ada'), lines)
    await waitFor(() => stuckAccounts(bus, 0).length === 0)
  })
})

describe('count-in-batches', () => {
  it('counts each message once in few transactions, and parks the one that spoils them', async () => {
    await sql`create table view_count (
      page text primary key check (page like '/%'), views bigint not null
    )`.execute(world.db)
    const publisher = world.bus({
      topology: { exchange: 'messages', bindings: [{ queue: 'views', types: ['pages.viewed'] }] },
    })
    const pages = [
      ...Array.from({ length: 60 }, (_, n) => (n % 3 === 0 ? '/' : '/cart')),
      'nowhere',
    ]
    await Promise.all(pages.map((page) => publisher.publish(PageViewed, { page })))
    await countViews(bus)
    await until('select page, views::int from view_count order by page', [
      { page: '/', views: 20 },
      { page: '/cart', views: 40 },
    ])
    const [{ commits }] = (await rows(
      'select count(distinct committed_at)::int as commits from queue.inbox',
    )) as [{ commits: number }]
    expect(commits).toBeLessThan(20)
    const parked = await world.take('views.parked')
    expect(parked.content.toString()).toContain('nowhere')
    expect(parked.properties.headers).toMatchObject({ 'payflow-attempts': 3 })
  })
})

describe('queue.config', () => {
  it('is enough for the commands of the README', async () => {
    const consuming = await consumeOrders(world.db, broker.url)
    await consuming.topology.apply()
    await world.send('shipping', '{}', {
      messageId: 'no-order',
      type: 'orders.paid',
      contentType: 'application/json',
    })
    await waitFor(async () => (await world.ready('shipping.parked')) === 1)
    await consuming.drain()
    const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
    const commands = [...page.matchAll(/^npx payflow-queue (.+)$/gm)].map(([, args = '']) => args)
    const config = fileURLToPath(new URL('../examples/queue.config.ts', import.meta.url))
    const outputs: string[] = []
    for (const command of commands) {
      const args = command
        .replace('queue.config.ts', config)
        .match(/'[^']*'|\S+/g)
        ?.map((word) => word.replaceAll("'", ''))
      await using child = await spawnChild(new URL('../src/bin.ts', import.meta.url), {
        args: [...(args ?? []), '--text', ...(command.includes('redrive') ? ['--yes'] : [])],
        env: { DATABASE_URL: world.database.url, RABBITMQ_URL: broker.url },
      })
      expect(await child.exited, child.stderr()).toMatchObject({ code: 0 })
      outputs.push(child.stdout())
    }
    await (await world.channel()).purgeQueue('shipping')
    expect(outputs).toEqual([
      expect.stringMatching(/^shipping\.parked +1 +0$/m),
      expect.stringMatching(/^no-order +orders\.paid +schema-invalid /m),
      expect.stringMatching(/^1 sent back \(schema-invalid 1\)$/m),
      expect.stringMatching(/balanced$/m),
    ])
  })
})

describe('rotate-credentials', () => {
  it('changes over to another password while it works', async () => {
    await broker.ctl('add_user', 'shipping', 'old')
    await broker.ctl('set_permissions', 'shipping', '.*', '.*', '.*')
    const passwordFile = join(temporaryFolder('recipes'), 'password')
    await writeFile(passwordFile, 'old\n')
    const { host } = new URL(broker.url)
    const own = busOfCluster(world.db, [`amqp://${host}`], passwordFile)
    await own.topology.apply()
    const before = own.health().publish.generation
    await broker.ctl('change_password', 'shipping', 'new')
    await writeFile(passwordFile, 'new\n')
    process.emit('SIGHUP')
    await waitFor(() => own.health().publish.generation > before)
    await expect(own.topology.apply()).resolves.toBeUndefined()
    await own.drain()
    process.removeAllListeners('SIGHUP')
    await broker.ctl('delete_user', 'shipping')
  })
})

describe('docs/topology.md', () => {
  it('gives a user the rights to declare, publish, retry and park, and none beyond', async () => {
    const page = readFileSync(new URL('../docs/topology.md', import.meta.url), 'utf8')
    const [, script = ''] = /^```sh\n([\s\S]*?)^```$/m.exec(page) ?? []
    const commands = script.replaceAll('\\\n', '').trim().split('\n')
    expect(commands).toHaveLength(2)
    for (const command of commands) {
      const [tool, ...args] = command.replaceAll("'", '').split(/\s+/)
      expect(tool).toBe('rabbitmqctl')
      await broker.ctl(...args)
    }
    const url = new URL(broker.url)
    url.username = 'shipping'
    url.password = 'a-long-password'
    const own = world.bus({ broker: { url: url.href }, topology: { exchange: 'messages' } })
    const options = { queue: 'shipping', messages: [OrderShipped] }
    const consumer = own
      .consumer({ name: 'ship', ...options, retry: { attempts: 2, delaysMs: [50] } })
      .handle(OrderShipped, async () => {
        throw new Error('no')
      })
    await consumer.start()
    await own.topology.apply()
    await own.publish(OrderShipped, { orderId: 'o-9', email: 'ada@example.com' })
    expect((await world.take('shipping.parked')).properties.headers).toMatchObject({
      'payflow-reason': 'attempts-exhausted',
      'payflow-attempts': 2,
    })

    const foreign = world.bus({ broker: { url: url.href }, topology: { exchange: 'messages' } })
    await foreign
      .consumer({ name: 'other', ...options, queue: 'other' })
      .handle(OrderShipped, async () => {})
      .start()
    await expect(foreign.topology.apply()).rejects.toMatchObject({
      code: 'QUEUE_ACCESS_REFUSED',
    })
  })
})
