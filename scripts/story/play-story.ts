import { User } from '@payflow-app/e2e'
import { accepted } from './accepted.ts'
import { audit } from './audit.ts'
import { killedBeforeAck } from './killed-before-ack.ts'
import { killedBeforeCommit } from './killed-before-commit.ts'
import { Page, took } from './page.ts'
import type { Scene } from './scene.ts'
import { sentAgain } from './sent-again.ts'
import type { Stage } from './stage.ts'
import { Witness } from './witness.ts'

/** Plays all acts. Returns the exit code: 0 only if everything that was said is true. */
export async function playStory(stage: Stage): Promise<number> {
  const startedAt = performance.now()
  const page = new Page()
  page.title('PayFlow: a support ticket')
  page.say('"I sent $50 to a friend. It has been processing for ages. Where is my money?"')
  page.say(
    'No alarm has gone off and nothing is broken. To find out what the customer sees, we make ' +
      'that payment again and follow it, and then make things worse: we kill the worker at the ' +
      'two worst instants. All of it is real: processes, databases, queue, signals.',
  )
  page.drawing(
    'app ──▶ gateway ──▶ transaction-service ──▶ RabbitMQ ──▶ worker ──▶ wallet-service',
    '           │                 │              a queue of              the ledger, which',
    '         Redis          PostgreSQL          work to do              moves the money',
  )
  page.say(
    stage.shared
      ? `Played on the wallet that is running at ${stage.url}, with two new users.`
      : `Played on a wallet of its own at ${stage.url}; nothing of it stays.`,
  )
  await using witness = await Witness.open(stage)
  const [customer, recipient] = await Promise.all([
    User.register(stage.url, 'Customer of the story'),
    User.register(stage.url, 'Friend of the story'),
  ])
  const scene: Scene = { page, stage, witness, customer, recipient }
  const first = await accepted(scene)
  await killedBeforeCommit(scene, first)
  const second = await killedBeforeAck(scene)
  await sentAgain(scene, first)
  await audit(scene, [first, second])
  return close(scene, took(startedAt), first.id)
}

function close({ page, stage }: Scene, duration: string, paymentId: string): number {
  if (page.wrong.length > 0) {
    const count = page.wrong.length
    const statements = count === 1 ? '1 statement' : `${count} statements`
    page.title(`The ticket stays open: ${statements} did not hold.`)
    page.repeatWrong()
    page.pause()
    return 1
  }
  page.title('The ticket is answered')
  page.say(
    '"Your transfer has arrived, and you were charged once. It took longer than usual because we ' +
      'only say done when it is. Your money was safe all the time."',
  )
  page.say(`Every ✓ above was looked up, not assumed. The story took ${duration}.`)
  if (stage.shared) page.command('$', `npm run look -- payment ${paymentId}`)
  page.pause()
  return 0
}
