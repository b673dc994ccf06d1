import type { Channel, ChannelModel } from 'amqplib'
import { closeChannel, declare, listDeclarations, openChannel } from '../broker/topology.ts'
import type { Declaration, TopologySpec } from '../broker/topology.ts'
import { isRabbitmqSince, readServer } from '../broker/server-version.ts'
import { errorText } from '../reporter.ts'
import { brokerVersion } from './broker-version.ts'
import type { PlanStep, RecommendedPolicy, TopologyPlan } from './types.ts'

/** Compares what a topology needs with what the broker has, and changes nothing. */
export async function planTopology(
  model: ChannelModel,
  topology: TopologySpec,
): Promise<TopologyPlan> {
  const version = brokerVersion(model)
  const declarations = distinct(listDeclarations(topology))
  const steps: PlanStep[] = []
  for (const declaration of declarations) steps.push(await look(model, declaration))
  return {
    brokerVersion: version,
    steps,
    applicable: steps.every(({ state }) => state !== 'mismatch' && state !== 'refused'),
    policies: recommendPolicies(declarations, version),
    retry: { mechanism: 'wait-queues', brokerCanDelay: isRabbitmqSince(readServer(model), 4, 3) },
  }
}

/** Two consumers may share a parking queue. */
function distinct(declarations: readonly Declaration[]): Declaration[] {
  const byName = new Map(declarations.map((one) => [`${one.kind} ${nameOf(one)}`, one]))
  return [...byName.values()]
}

function nameOf(one: Declaration): string {
  return one.kind === 'binding' ? `${one.exchange} → ${one.queue}: ${one.type}` : one.name
}

/**
 * First passively, which declares nothing and says whether it is there; only then as `apply` does, which
 * on something that is there changes nothing and says how it differs. Each answer "no" closes the
 * channel, so every look has its own.
 */
async function look(model: ChannelModel, declaration: Declaration): Promise<PlanStep> {
  const step = { kind: declaration.kind, name: nameOf(declaration) }
  if (declaration.kind === 'binding') return { ...step, state: 'bind', reason: undefined }
  const passive = await ask(model, (channel) =>
    declaration.kind === 'exchange'
      ? channel.checkExchange(declaration.name)
      : channel.checkQueue(declaration.name),
  )
  if (passive !== undefined) {
    if (passive.code === 404) return { ...step, state: 'create', reason: undefined }
    return { ...step, state: 'refused', reason: passive.text }
  }
  const active = await ask(model, (channel) => declare(channel, declaration))
  if (active === undefined) return { ...step, state: 'ok', reason: undefined }
  return { ...step, state: active.code === 406 ? 'mismatch' : 'refused', reason: active.text }
}

async function ask(
  model: ChannelModel,
  question: (channel: Channel) => Promise<unknown>,
): Promise<{ code: number | undefined; text: string } | undefined> {
  const channel = await openChannel(model)
  try {
    await question(channel)
    return undefined
  } catch (error) {
    const { code } = error as { code?: number }
    // Without a code it was not the broker who answered.
    if (code === undefined) throw error
    return { code, text: errorText(error) }
  } finally {
    await closeChannel(channel)
  }
}

/** A queue obeys one policy only, the one with the highest priority, so each queue is named once. */
function recommendPolicies(
  declarations: readonly Declaration[],
  version: string,
): RecommendedPolicy[] {
  if (Number.parseInt(version, 10) < 4) return []
  const queues = declarations.filter((one) => one.kind === 'queue')
  const of = (role: string): string[] =>
    queues.filter((queue) => queue.role === role).map(({ name }) => name)
  return [
    policy('payflow-work', [...of('work'), ...of('wait')], {
      why:
        'RabbitMQ 4 gives a message up after 20 deliveries, and giving it back while the database ' +
        'is away counts as one; attempts are counted in PostgreSQL',
    }),
    policy('payflow-parked', of('parking'), {
      why: 'each look at a parked message is a delivery, and beyond the limit it would be dropped',
    }),
  ]
}

function policy(
  name: string,
  queues: readonly string[],
  { why }: { readonly why: string },
): RecommendedPolicy {
  const escaped = queues.map((queue) => queue.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
  const pattern = `^(${escaped.join('|')})$`
  const definition = { 'delivery-limit': -1 }
  const command =
    `rabbitmqctl set_policy --apply-to quorum_queues ${name} ` +
    `'${pattern}' '${JSON.stringify(definition)}'`
  return { name, pattern, definition, why, command }
}
