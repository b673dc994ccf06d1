import { useState } from 'react'
import { Navigate, useLocation, useParams } from 'react-router'
import type { TransactionDetails } from '@payflow-app/contracts'
import { AmountForm, mostOf, type AmountPrefill } from '../components/amount-form.tsx'
import { Avatar } from '../components/avatar.tsx'
import { LoadError, SkeletonRows } from '../components/feedback.tsx'
import { PageHeading } from '../components/page-heading.tsx'
import { ReviewStep } from '../components/review.tsx'
import { usePayment } from '../hooks/queries.ts'
import { usePersonName } from '../hooks/use-person.ts'
import { useWallet } from '../hooks/use-wallet.ts'
import { formatMinor } from '../money.ts'
import { createPayment } from '../pending-payment.ts'
import type { PendingPayment } from '../pending-payment.ts'
import { leftToRefund } from '../words.ts'

/** Gives a payment back, in part or whole: for who received it. */
export function RefundPage() {
  const { id = '' } = useParams()
  const { data, error, isError, refetch } = usePayment(id)
  const { user } = useWallet()
  if (data === undefined) {
    return (
      <section className='card mx-auto max-w-lg'>
        <PageHeading title='Refund' hidden />
        {isError ? (
          <LoadError error={error} onRetry={() => void refetch()} />
        ) : (
          <SkeletonRows rows={3} />
        )}
      </section>
    )
  }
  if (leftToRefund(data, user.id) === 0) return <Navigate to={`/payments/${id}`} replace />
  return <Refund payment={data} />
}

function Refund({ payment }: { readonly payment: TransactionDetails }) {
  const { user } = useWallet()
  const { state } = useLocation()
  const { currency, fromUserId } = payment
  const name = usePersonName(fromUserId)
  const left = leftToRefund(payment, user.id)
  const filled = (state ?? { amount: left }) as AmountPrefill
  const [prefill, setPrefill] = useState<AmountPrefill>(filled)
  const [refund, setRefund] = useState<PendingPayment | null>(null)
  function show(amount: number, note: string): void {
    setPrefill({ amount, note })
    const parties = { userId: user.id, toUserId: fromUserId, toName: name }
    const intent = { kind: 'refund' as const, refundOf: payment.id, ...parties }
    setRefund(createPayment({ ...intent, amount, currency, note }))
  }
  return (
    <div className='mx-auto max-w-lg'>
      {refund === null ? (
        <>
          <PageHeading title={`Refund ${name}`} />
          <AmountForm
            withNote
            currency={currency}
            prefill={prefill}
            most={mostOf(left, currency, 'is left of this payment')}
            hint={`${formatMinor(left, currency)} of this payment can be refunded`}
            onReview={show}
          />
        </>
      ) : (
        <ReviewStep
          title='Check and refund'
          party={
            <>
              <Avatar id={fromUserId} name={name} size='lg' />
              <p className='mt-3 font-semibold'>{name}</p>
            </>
          }
          payment={refund}
          action={`Refund ${formatMinor(refund.amount, currency)} to ${name}`}
          consequence={
            `The money leaves your wallet, and cannot be asked back. ` +
            `${formatMinor(left - refund.amount, currency)} of the payment stay with you.`
          }
          onChange={() => setRefund(null)}
        />
      )}
    </div>
  )
}
