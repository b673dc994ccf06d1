/**
 * Posts a payment once, under the key that is its turn.
 *
 * For most payments that is their own. One that tries a failed payment again has a key that is the
 * same in every tab and for ever, so a refusal of it (too little money on that day) would be its
 * answer for ever as well. Hence a row of keys, each made of the one before: the next is used only
 * when the server has answered, as the stored answer of an earlier attempt, that the one before was
 * refused. A refusal is final, so at most one key of the row ever pays, whoever walks along it.
 */
import { judge, retriedPayment } from './pending-payment.ts'
import type { Answer, PendingPayment } from './pending-payment.ts'
import { nothingWasPaid } from './words.ts'

/** A row that is longer than this is no person's doing: the server must have gone wrong. */
const keysMax = 100

/**
 * Sends `payment` by `post`: a retry of a failed payment as often as its earlier attempts were
 * refused, and once more; every other payment once. Repeating it after no answer is as harmless as
 * repeating the same request: the same keys are tried, in the same order.
 *
 * @returns the answer to the last key that was tried. Rejects only when `post` does.
 */
export async function postPayment(
  payment: PendingPayment,
  post: (payment: PendingPayment) => Promise<Answer>,
): Promise<Answer> {
  let answer = await post(payment)
  if (retriedPayment(payment) === undefined) return answer
  for (let place = 2; place <= keysMax && wasRefusedBefore(answer); place += 1) {
    answer = await post({ ...payment, key: `${payment.key}-${place}` })
  }
  return answer
}

/** Whether this is how an earlier attempt ended, and proves that nothing was paid by it. */
function wasRefusedBefore(answer: Answer): boolean {
  if (answer.kind === 'none' || !answer.isReplayed || answer.status !== 422) return false
  const verdict = judge(answer, 0)
  return verdict.kind === 'refused' && nothingWasPaid(verdict.problem)
}
