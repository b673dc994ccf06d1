import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { toast } from 'sonner'

/** Copies `text`; says so for ears and eyes. */
export function CopyButton(props: { readonly text: string; readonly label: string }) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return undefined
    const timer = setTimeout(() => setCopied(false), 2_000)
    return () => clearTimeout(timer)
  }, [copied])

  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(props.text)
      setCopied(true)
    } catch {
      // Plain-http origins and locked-down browsers have no clipboard.
      toast.error('The browser does not allow copying. Select the text instead.')
    }
  }
  const Icon = copied ? Check : Copy
  return (
    <button
      type='button'
      aria-label={props.label}
      onClick={() => void copy()}
      className='icon-button'
    >
      <Icon aria-hidden='true' className='size-4' />
      <span role='status' className='sr-only'>
        {copied ? 'Copied' : ''}
      </span>
    </button>
  )
}
