// The parts of telemetry that need no server.
import { describe, expect, it } from 'vitest'
import type { Channel, ConsumeMessage } from 'amqplib'
import { ChannelGeneration, Delivery } from '../src/consumer/delivery.ts'
import { ObservedRunner } from '../src/consumer/observed-runner.ts'
import type { UnitRunner } from '../src/consumer/unit.ts'
import { LoopWatch } from '../src/loop-watch.ts'
import { spanContextOf, traceHeaders } from '../src/opentelemetry/trace-headers.ts'
import { createReporter } from '../src/reporter.ts'
import { untraced } from '../src/telemetry.ts'
import type { BusTelemetry } from '../src/telemetry.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'

describe('trace headers', () => {
  it('say the same when they are read back', () => {
    const headers = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'vendor=value' }
    const span = spanContextOf(headers)
    expect(span).toMatchObject({ traceId, spanId, traceFlags: 1, isRemote: true })
    expect(span && traceHeaders(span)).toEqual(headers)
  })

  it('are read in a later version, which may say more', () => {
    const later = spanContextOf({ traceparent: `01-${traceId}-${spanId}-00-more` })
    expect(later).toMatchObject({ traceId, spanId, traceFlags: 0 })
  })

  it.each([
    undefined,
    7,
    '',
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
  ])('are no trace when they say %j', (traceparent) => {
    expect(spanContextOf({ traceparent })).toBeUndefined()
  })
})

describe('ObservedRunner', () => {
  const fail = (): never => {
    throw new Error('the telemetry is broken')
  }
  it.each<[string, BusTelemetry['consuming']]>([
    ['before the message is handled', async () => fail()],
    ['after it', async (_consumer, _messages, run) => run(() => {}).then(fail)],
    ['when it is told', async (_consumer, _messages, run) => run(fail)],
    ['by never running it', async () => undefined as never],
  ])('handles a message once, whatever telemetry does: it fails %s', async (_, consuming) => {
    let runs = 0
    const runner: UnitRunner = {
      async run() {
        runs += 1
        return ['committed']
      },
    }
    const telemetry = { ...untraced, consuming }
    const observed = new ObservedRunner(runner, {
      name: 'notes',
      queue: 'notes',
      loop: new LoopWatch(createReporter({}), 10),
      attempt: { encode: { telemetry } },
    })
    const message = { fields: {}, properties: {}, content: Buffer.alloc(0) } as ConsumeMessage
    const delivery = new Delivery(message, new ChannelGeneration({} as Channel))
    const unit = { deliveries: [delivery], controller: new AbortController() }
    expect(await observed.run(unit)).toEqual(['committed'])
    expect(runs).toBe(1)
  })
})
