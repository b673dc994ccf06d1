import { waitFor } from '@payflow/testkit'
import { type Checkpoint, ed25519Signer, LedgerError } from '../../../src/index.ts'
import type { Stage } from './stage.ts'

/** The housekeeping of a ledger, while it is used: expiry, checkpoints, verification. */
export interface House {
  /** Ends it; throws what it found. */
  close(): Promise<void>
}

const OPERATIONS_BETWEEN = 400
const WITNESSED_MAX = 200

/** Begins to keep house: once in so many operations of the worlds. */
export function keepHouse(stage: Stage): House {
  const { publicKey, privateKey } = stage.keys
  const signer = ed25519Signer({ keyId: 'house', privateKey })
  const witnesses: Checkpoint[] = []
  let resume: string | null = null
  let isClosed = false

  async function round(): Promise<void> {
    const { ledger, side } = stage
    const sealed = await ledger.checkpoint(side, { signer })
    if ('checkpoint' in sealed && sealed.checkpoint !== null && witnesses.length < WITNESSED_MAX) {
      witnesses.push(sealed.checkpoint)
    }
    await ledger.expireHolds(side, { limit: 200 })
    const verified = await ledger.verify(side, { budgetMs: 50, resume })
    expectNothing(verified.findings)
    resume = verified.resume
  }

  async function keep(): Promise<void> {
    for (let next = OPERATIONS_BETWEEN; !isClosed; next += OPERATIONS_BETWEEN) {
      const isDue = () => isClosed || stage.tally.operations >= next
      await waitFor(isDue, { timeoutMs: 600_000, message: 'work for the house' })
      try {
        await round()
      } catch (error) {
        // A transaction that did not lock in order was in the way: the next round is as good.
        if (!LedgerError.is(error) || error.code !== 'LEDGER_BUSY') throw error
        stage.tally.fault('housekeeping collided')
      }
    }
  }

  const kept = keep()
  kept.catch(() => undefined) // it is thrown by close
  return {
    async close() {
      isClosed = true
      await kept
      await round()
      const publicKeys = { house: publicKey }
      // What earlier houses have sealed, they have verified.
      const after = Math.max((witnesses[0]?.no ?? 1) - 1, 0)
      const verified = await stage.ledger.verifyCheckpoints(stage.side, {
        publicKeys,
        witnesses,
        after,
      })
      expectNothing(verified.findings)
    },
  }
}

function expectNothing(findings: readonly object[]): void {
  if (findings.length > 0) throw new Error(`found: ${JSON.stringify(findings.slice(0, 5))}`)
}
