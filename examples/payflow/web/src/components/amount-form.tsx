import { useState } from 'react'
import type { FormEvent, ReactNode } from 'react'
import { formatMinor, minorToDecimal, parseAmount } from '../money.ts'
import { Button } from './button.tsx'
import { Field } from './field.tsx'

/** What another page may fill in. */
export interface AmountPrefill {
  readonly amount?: number
  readonly note?: string
}

interface AmountFormProps {
  readonly currency: string
  readonly prefill: AmountPrefill
  /** The most that makes sense here, in minor units, and what to say about more. */
  readonly most?: { readonly amount: number; readonly otherwise: string } | undefined
  readonly hint?: ReactNode
  readonly withNote?: boolean
  readonly onReview: (amount: number, note: string) => void
}

const noteCharsMax = 140

/** An amount, perhaps a note, and a button to the review. */
export function AmountForm(props: AmountFormProps) {
  const { currency, prefill, most, hint, withNote = false, onReview } = props
  const [amount, setAmount] = useState(
    prefill.amount === undefined ? '' : minorToDecimal(prefill.amount, currency),
  )
  const [note, setNote] = useState(prefill.note ?? '')
  const [touched, setTouched] = useState(false)
  const parsed = parseAmount(amount, currency)
  const tooMuch = parsed.ok && most !== undefined && parsed.amountMinor > most.amount
  const fault = parsed.ok ? (tooMuch ? most.otherwise : undefined) : parsed.message
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault()
    const form = event.currentTarget
    setTouched(true)
    if (parsed.ok && !tooMuch) return onReview(parsed.amountMinor, note)
    requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
  }
  return (
    <form noValidate onSubmit={submit} className='card space-y-5 p-5 sm:p-6'>
      <Field
        large
        label='Amount'
        prefix='$'
        inputMode='decimal'
        autoComplete='off'
        placeholder='0.00'
        value={amount}
        onChange={(event) => setAmount(event.target.value)}
        error={touched ? fault : undefined}
        hint={hint}
      />
      {withNote && (
        <Field
          label='Note (optional)'
          maxLength={noteCharsMax}
          autoComplete='off'
          placeholder='What is it for?'
          value={note}
          onChange={(event) => setNote(event.target.value)}
        />
      )}
      <Button type='submit' className='w-full'>
        Review
      </Button>
    </form>
  )
}

/** What of an amount there is, as the hint and limit of a form. */
export function mostOf(amount: number, currency: string, what: string) {
  return { amount, otherwise: `${formatMinor(amount, currency)} ${what}.` }
}
