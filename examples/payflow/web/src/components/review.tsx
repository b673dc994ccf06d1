import { ArrowLeft, ShieldCheck } from 'lucide-react'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { useWallet } from '../hooks/use-wallet.ts'
import type { PendingPayment } from '../pending-payment.ts'
import { Button } from './button.tsx'
import { FormError } from './feedback.tsx'
import { BigMoney } from './money.tsx'
import { PageHeading } from './page-heading.tsx'

/**
 * The last look, whatever is about to move: who, how much, what for, what it leads to, and a button
 * that says what it does. The key is stored before the first byte leaves; then its page takes over.
 */
export function ReviewStep(props: {
  readonly title: string
  /** Who or what the money goes to. */
  readonly party: ReactNode
  readonly payment: PendingPayment
  /** What the button does, as a sentence without its full stop. */
  readonly action: string
  /** What will be different afterwards. */
  readonly consequence?: ReactNode
  readonly onChange: () => void
}) {
  const { title, party, payment, action, consequence, onChange } = props
  const { desk } = useWallet()
  const navigate = useNavigate()
  const [unkept, setUnkept] = useState(false)
  function confirm(): void {
    if (!desk.submit(payment)) return setUnkept(true)
    void navigate(`/send/${payment.key}`, { replace: true })
  }
  return (
    <>
      <PageHeading key='review' title={title} />
      {unkept && (
        <FormError>
          This browser does not let PayFlow keep the payment’s key, so nothing was sent. Allow site
          data for this page and try again.
        </FormError>
      )}
      <section className='card rise p-5 text-center sm:p-6'>
        <div className='flex flex-col items-center'>
          {party}
          <p className='mt-6 text-5xl font-semibold tracking-tight'>
            <BigMoney minor={payment.amount} currency={payment.currency} />
          </p>
          {payment.note !== '' && (
            <p className='mt-4 max-w-full rounded-xl bg-sunken px-4 py-2 text-sm break-words'>
              {payment.note}
            </p>
          )}
          {consequence !== undefined && <p className='mt-4 max-w-sm text-sm'>{consequence}</p>}
        </div>
        <Button className='mt-8 w-full text-base' onClick={confirm}>
          {action}
        </Button>
        <p className='mt-4 flex items-start gap-2 text-left text-sm text-soft'>
          <ShieldCheck aria-hidden='true' className='mt-0.5 size-4 shrink-0 text-accent' />
          Safe to click twice: this payment has one key, and one key is paid at most once.
        </p>
      </section>
      <Button
        variant='plain'
        className='mt-3 w-full'
        icon={<ArrowLeft aria-hidden='true' className='size-4' />}
        onClick={onChange}
      >
        Change something
      </Button>
    </>
  )
}
