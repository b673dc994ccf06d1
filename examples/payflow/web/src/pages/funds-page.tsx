import { Landmark } from 'lucide-react'
import { useState } from 'react'
import { useLocation } from 'react-router'
import { SANDBOX_BANK_ID } from '@payflow-app/contracts'
import { AmountForm, mostOf, type AmountPrefill } from '../components/amount-form.tsx'
import { PageHeading } from '../components/page-heading.tsx'
import { ReviewStep } from '../components/review.tsx'
import { useBalance } from '../hooks/queries.ts'
import { useWallet } from '../hooks/use-wallet.ts'
import { formatMinor } from '../money.ts'
import { createPayment } from '../pending-payment.ts'
import type { PendingPayment } from '../pending-payment.ts'

const currency = 'USD'

const words = {
  top_up: { title: 'Top up', review: 'Check and top up', toName: 'your wallet' },
  withdrawal: { title: 'Withdraw', review: 'Check and withdraw', toName: 'your bank' },
} as const

/** Money from the sandbox bank into the wallet, or from the wallet to the bank. */
export function FundsPage({ kind }: { readonly kind: 'top_up' | 'withdrawal' }) {
  const { user } = useWallet()
  const balance = useBalance().data
  const { state } = useLocation()
  const [prefill, setPrefill] = useState<AmountPrefill>((state ?? {}) as AmountPrefill)
  const [payment, setPayment] = useState<PendingPayment | null>(null)
  const { title, review, toName } = words[kind]
  const isTopUp = kind === 'top_up'
  function show(amount: number): void {
    setPrefill({ amount })
    const toUserId = isTopUp ? user.id : SANDBOX_BANK_ID
    const intent = { kind, userId: user.id, toUserId, toName, amount, currency, note: '' }
    setPayment(createPayment(intent))
  }
  const available = balance?.available ?? 0
  return (
    <div className='mx-auto max-w-lg'>
      {payment === null ? (
        <>
          <PageHeading title={title} />
          <AmountForm
            currency={currency}
            prefill={prefill}
            most={isTopUp || !balance ? undefined : mostOf(available, currency, 'is available')}
            hint={balance && `${formatMinor(available, currency)} available`}
            onReview={show}
          />
          <p className='mt-4 px-1 text-sm text-soft'>
            {isTopUp
              ? 'The money comes from the sandbox bank: there is no real one behind this wallet.'
              : 'The money goes to the sandbox bank: there is no real one behind this wallet.'}
          </p>
        </>
      ) : (
        <ReviewStep
          title={review}
          party={<Bank text={isTopUp ? 'From the sandbox bank' : 'To the sandbox bank'} />}
          payment={payment}
          action={actionOf(payment)}
          consequence={balance && consequenceOf(payment, balance.available)}
          onChange={() => setPayment(null)}
        />
      )}
    </div>
  )
}

function Bank({ text }: { readonly text: string }) {
  return (
    <>
      <span className='grid size-16 place-items-center rounded-full bg-tint text-accent'>
        <Landmark aria-hidden='true' className='size-7' />
      </span>
      <p className='mt-3 font-semibold'>{text}</p>
    </>
  )
}

function actionOf({ kind, amount }: PendingPayment): string {
  const money = formatMinor(amount, currency)
  return kind === 'top_up' ? `Top up ${money}` : `Withdraw ${money} to your bank`
}

function consequenceOf({ kind, amount }: PendingPayment, available: number): string {
  const after = formatMinor(available + (kind === 'top_up' ? amount : -amount), currency)
  return kind === 'top_up'
    ? `You will have ${after} available when it has arrived.`
    : `It is set aside at once and leaves your wallet. You will have ${after} available.`
}
