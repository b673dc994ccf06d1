import type { Row } from '../../lib/result.ts'
import { spread } from '../../lib/stats.ts'
import { homemade, ours, peers } from '../contenders/all.ts'
import { Contestant } from './contestant.ts'
import { ourFaults } from './duplicates.ts'
import type { Part } from './part.ts'

/** A thousand equal requests at once, on a thousand connections. */
export const stampede: Part = async (context, ground) => {
  const size = context.quick ? 50 : 1_000
  const rows: Row[] = []
  const faults: string[] = []
  const contestants: Contestant[] = []
  for (const contender of [ours, ...homemade.slice(0, 1), ...peers]) {
    const options = { connections: size }
    contestants.push(await Contestant.open(contender, ground.redis, ground.redisUrl, options))
  }
  const times = new Map<string, number[]>(contestants.map(({ name }) => [name, []]))
  const ran = new Map<string, number[]>(contestants.map(({ name }) => [name, []]))
  const rounds = context.quick ? 1 : 9
  for (let round = -1; round < rounds; round++) {
    context.say(`${size} at once, round ${round + 1} of ${rounds}`)
    for (const contestant of contestants) {
      const before = await contestant.executions()
      const { ms } = await contestant.stampede()
      if (round === -1) continue // opens what is opened late, lets V8 compile
      times.get(contestant.name)?.push(ms)
      ran.get(contestant.name)?.push((await contestant.executions()) - before)
    }
  }
  for (const { name } of contestants) {
    const most = Math.max(...(ran.get(name) ?? []))
    const correct = most === 1 ? 'executed once' : `✗ executed up to ${most} times`
    if (most !== 1) faults.push(`${name}: executed ${most} times`)
    rows.push({ case: name, unit: 'ms', ...spread(times.get(name) ?? []), correct })
  }
  await Promise.all(contestants.map((each) => each.close()))
  const title = `${size.toLocaleString('en-US')} equal requests at once`
  const note = 'Until the last of them is answered.'
  return { sections: [{ title, note, rows }], claims: [], faults: ourFaults(faults) }
}
