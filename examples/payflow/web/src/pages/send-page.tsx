import { useState } from 'react'
import type { FormEvent } from 'react'
import { useQuery } from '@tanstack/react-query'
import { Navigate, useLocation, useSearchParams } from 'react-router'
import type { RecipientView } from '@payflow-app/contracts'
import { Avatar } from '../components/avatar.tsx'
import { Button } from '../components/button.tsx'
import { LoadError, SkeletonRows } from '../components/feedback.tsx'
import { Field } from '../components/field.tsx'
import { PageHeading } from '../components/page-heading.tsx'
import { RecipientPicker } from '../components/recipient-picker.tsx'
import { ReviewStep } from '../components/review.tsx'
import { useBalance, usePayment } from '../hooks/queries.ts'
import { personQuery, unnamed } from '../hooks/use-person.ts'
import { useWallet } from '../hooks/use-wallet.ts'
import { formatMinor, minorToDecimal, parseAmount } from '../money.ts'
import { createPayment } from '../pending-payment.ts'
import type { PendingPayment } from '../pending-payment.ts'
import { mayTryAgain } from '../words.ts'

/** What another page may fill in. */
export interface SendPrefill {
  readonly to?: RecipientView
  readonly amount?: number
  readonly note?: string
  /** The failed payment that is tried again, as long as nothing of it is changed. */
  readonly retryOf?: string
}

const currency = 'USD'
const noteCharsMax = 140

interface Draft {
  readonly to: RecipientView | null
  readonly amount: string
  readonly note: string
}

/**
 * Which failed payment is tried again is part of the address: so it is when the page is opened in
 * another tab, reloaded or come back to, and never leads to a payment with a key of its own.
 */
export function SendPage() {
  const { state } = useLocation()
  const [search] = useSearchParams()
  const retryOf = search.get('retry') ?? ''
  if (retryOf !== '') return <TryAgain key={retryOf} id={retryOf} />
  return <Compose prefill={(state ?? {}) as SendPrefill} />
}

/** The form as the failed payment filled it in. */
function TryAgain({ id }: { readonly id: string }) {
  const { user, api } = useWallet()
  const { data, error, isError, refetch } = usePayment(id)
  const toUserId = data?.toUserId ?? ''
  const person = useQuery({ ...personQuery(api, toUserId), enabled: data !== undefined })
  if (data === undefined || person.isPending) {
    return (
      <section className='card mx-auto max-w-lg'>
        <PageHeading title='Send money' />
        {isError ? (
          <LoadError error={error} onRetry={() => void refetch()} />
        ) : (
          <SkeletonRows rows={3} />
        )}
      </section>
    )
  }
  const isOwn = data.fromUserId === user.id
  if (!isOwn || data.status !== 'FAILED' || !mayTryAgain(data.failureCode)) {
    return <Navigate to={`/payments/${data.id}`} replace />
  }
  const to = person.data ?? { id: toUserId, name: unnamed(toUserId), email: '' }
  return <Compose prefill={{ to, amount: data.amount, note: data.note ?? '', retryOf: data.id }} />
}

function Compose({ prefill }: { readonly prefill: SendPrefill }) {
  const { user } = useWallet()
  const [draft, setDraft] = useState<Draft>({
    to: prefill.to ?? null,
    amount: prefill.amount === undefined ? '' : minorToDecimal(prefill.amount, currency),
    note: prefill.note ?? '',
  })
  const [payment, setPayment] = useState<PendingPayment | null>(null)

  function review(to: RecipientView, amount: number): void {
    const { note } = draft
    const intent = { userId: user.id, toUserId: to.id, toName: to.name, amount, currency, note }
    setPayment(createPayment(intent, retried(prefill, { toUserId: to.id, amount, note })))
  }

  return (
    <div className='mx-auto max-w-lg'>
      {payment === null || draft.to === null ? (
        <>
          <PageHeading title='Send money' />
          <SendForm draft={draft} onChange={setDraft} onReview={review} />
        </>
      ) : (
        <ReviewStep
          title='Check and send'
          party={<Recipient to={draft.to} />}
          payment={payment}
          action={`Send ${formatMinor(payment.amount, currency)} to ${draft.to.name}`}
          onChange={() => setPayment(null)}
        />
      )}
    </div>
  )
}

function Recipient({ to }: { readonly to: RecipientView }) {
  return (
    <>
      <Avatar id={to.id} name={to.name} size='lg' />
      <p className='mt-3 font-semibold'>{to.name}</p>
      <p className='text-sm break-all text-soft'>{to.email}</p>
    </>
  )
}

/** A payment that somebody has changed is another one, with a key that nothing else has. */
function retried(
  { retryOf, to, amount, note = '' }: SendPrefill,
  now: { readonly toUserId: string; readonly amount: number; readonly note: string },
): string | undefined {
  const same = to?.id === now.toUserId && amount === now.amount && note === now.note.trim()
  return same ? retryOf : undefined
}

function SendForm(props: {
  readonly draft: Draft
  readonly onChange: (draft: Draft) => void
  readonly onReview: (to: RecipientView, amount: number) => void
}) {
  const { draft, onChange, onReview } = props
  const balance = useBalance()
  const [touched, setTouched] = useState(false)
  const [tooMuch, setTooMuch] = useState<string>()
  const parsed = parseAmount(draft.amount, currency)
  const amountError = touched && !parsed.ok ? parsed.message : tooMuch
  const available = balance.data && formatMinor(balance.data.available, balance.data.currency)

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault()
    const form = event.currentTarget
    setTouched(true)
    if (draft.to !== null && parsed.ok) {
      const most = await largestPossible(parsed.amountMinor)
      if (most === null) return onReview(draft.to, parsed.amountMinor)
      setTooMuch(`You have ${most} available.`)
    }
    requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
  }
  /** Says what is available when `amount` is more. Friendly only: the ledger decides. */
  async function largestPossible(amount: number): Promise<string | null> {
    if (balance.data === undefined || amount <= balance.data.available) return null
    const { data } = await balance.refetch() // money may have come in since
    return data && amount > data.available ? formatMinor(data.available, data.currency) : null
  }

  return (
    <form noValidate onSubmit={(event) => void submit(event)} className='card space-y-5 p-5 sm:p-6'>
      <RecipientPicker
        chosen={draft.to}
        onChoose={(to) => onChange({ ...draft, to })}
        error={touched && draft.to === null ? 'Choose who gets the money.' : undefined}
      />
      <Field
        large
        label='Amount'
        prefix='$'
        inputMode='decimal'
        autoComplete='off'
        placeholder='0.00'
        value={draft.amount}
        onChange={(event) => {
          setTooMuch(undefined)
          onChange({ ...draft, amount: event.target.value })
        }}
        error={amountError}
        hint={available && `${available} available`}
      />
      <Field
        label='Note (optional)'
        maxLength={noteCharsMax}
        autoComplete='off'
        placeholder='What is it for?'
        value={draft.note}
        onChange={(event) => onChange({ ...draft, note: event.target.value })}
      />
      <Button type='submit' className='w-full'>
        Review
      </Button>
    </form>
  )
}
