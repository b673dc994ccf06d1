// The published model of the broker, compared with a RabbitMQ of our own that runs out of memory.
import { connect } from 'amqplib'
import { freePort, startRabbitmq, temporaryFolder } from '@payflow/testkit'
import type { Server } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryBroker } from '../src/testing/index.ts'
import { alarmScripts } from './support/alarm-scripts.ts'
import { play } from './support/play-script.ts'
import { rabbitmqctl } from './support/rabbitmqctl.ts'

const home = temporaryFolder('queue-alarm')
let epmdPort: number
let server: Server
beforeAll(async () => {
  epmdPort = await freePort()
  server = await startRabbitmq({ dataDir: home, epmdPort })
})
afterAll(async () => {
  await server.stop()
})

async function alarmAtServer(raised: boolean): Promise<void> {
  const watermark = raised ? '0.00001' : '0.6'
  await rabbitmqctl(server, { home, epmdPort }, ['set_vm_memory_high_watermark', watermark])
}

describe('memoryBroker says what RabbitMQ says when it', () => {
  it.each(Object.entries(alarmScripts))('%s', async (_, perform) => {
    const real = await play(
      { connect: () => connect(server.url), cut: () => {}, alarm: alarmAtServer },
      perform,
    )
    const memory = memoryBroker()
    const model = await play(
      {
        connect: () => memory.connect(memory.url),
        cut: () => memory.drop(),
        alarm: (raised) => Promise.resolve(raised ? memory.block() : memory.unblock()),
      },
      perform,
    )
    expect(real.length).toBeGreaterThan(0)
    expect(model).toEqual(real)
  })
})
