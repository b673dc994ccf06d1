import { pause } from '@payflow/testkit'
import { atMost, type Claim, type Row, type Section } from '../../lib/result.ts'
import { spread } from '../../lib/stats.ts'
import { homemade, ours, peers } from '../contenders/all.ts'
import { Contestant } from './contestant.ts'
import type { Part } from './part.ts'

/** Bytes that Redis needs for a completed record, its key and the key's expiry. */
export const memory: Part = async (context, { redis, redisUrl }) => {
  const sections: Section[] = []
  const claims: Claim[] = []
  const records = context.quick ? 100 : 4_000
  for (const bodyBytes of [300, 2_000]) {
    const rows: Row[] = []
    for (const contender of [ours, ...homemade.slice(0, 1), ...peers]) {
      const options = { connections: 16, bodyBytes }
      const contestant = await Contestant.open(contender, redis, redisUrl, options)
      await redis.flushall()
      const before = await usedMemory(redis)
      const callers = Array.from({ length: 16 }, async (_, caller) => {
        for (let i = caller; i < records; i += 16) await contestant.first(caller)
      })
      await Promise.all(callers)
      await contestant.close() // with its connections' buffers
      await pause(200)
      const each = ((await usedMemory(redis)) - before) / (await redis.dbsize())
      rows.push({ case: contender.name, unit: 'bytes', ...spread([each]) })
    }
    context.say(
      `memory, ${bodyBytes} bytes: ${rows.map((row) => `${row.case} ${Math.round(row.median)}`).join(' · ')}`,
    )
    const smallest = Math.min(...rows.slice(2).map((row) => row.median))
    const own = rows[0]?.median ?? Number.NaN
    const title = `memory of a completed record, response of about ${bodyBytes} bytes`
    const note = `used_memory after ${records.toLocaleString('en-US')} records less used_memory before, a record: with its key, its expiry and its place in both tables. The peers keep fewer or more headers; see their adapters.`
    sections.push({ title, note, rows })
    const text = `bytes of ours ÷ the smallest peer’s, response of ${bodyBytes} bytes`
    claims.push(atMost(`memory-${bodyBytes}`, 1, own / smallest, text))
  }
  return { sections, claims, faults: [] }
}

async function usedMemory(redis: { info(section: string): Promise<string> }): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1] ?? Number.NaN)
}
