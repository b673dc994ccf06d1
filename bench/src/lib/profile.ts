import { Session } from 'node:inspector/promises'

/** Where the JavaScript thread of this process spent its time, in shares of all of it. */
export type Shares = ReadonlyMap<string, number>

/** Names the part of the program that a frame belongs to, by its file and function. */
export type PartOf = (url: string, functionName: string) => string

/** Runs `work` under V8's sampling profiler. */
export async function profiled(work: () => Promise<unknown>, partOf: PartOf): Promise<Shares> {
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: 500 })
    await session.post('Profiler.start')
    await work()
    const { profile } = await session.post('Profiler.stop')
    const partOfNode = new Map(
      profile.nodes.map(({ id, callFrame }) => [id, partOf(callFrame.url, callFrame.functionName)]),
    )
    const micros = new Map<string, number>()
    let all = 0
    for (const [index, id] of (profile.samples ?? []).entries()) {
      const part = partOfNode.get(id) ?? 'other'
      const delta = profile.timeDeltas?.[index] ?? 0
      micros.set(part, (micros.get(part) ?? 0) + delta)
      all += delta
    }
    return new Map([...micros].map(([part, time]) => [part, time / all]))
  } finally {
    session.disconnect()
  }
}
