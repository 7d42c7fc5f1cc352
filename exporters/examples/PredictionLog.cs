// Sends the predictions that a Unity game makes to the drift exporter, in batches, from a bounded queue.
//
// Put it on a GameObject of a dedicated server, or of a build that reaches your backend: the exporter itself listens on
// 127.0.0.1 and is no service for the open internet. Then, after each inference:
//
//     log.Record(new Dictionary<string, object> { ["level"] = 7, ["device"] = "phone" }, "churn", 0.83);
//
// Record never waits and never throws. What does not fit into the queue, or cannot be sent, is dropped and counted.
// Needs Unity 2020.2 or newer and nothing else.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;
using UnityEngine;
using UnityEngine.Networking;

public sealed class PredictionLog : MonoBehaviour
{
    [SerializeField] private string url = "http://127.0.0.1:9180";
    [SerializeField] private string model = "player-churn";
    [Tooltip("File with the token of the exporter's --token-file; empty where it asks for none.")]
    [SerializeField] private string tokenFile = "";
    [SerializeField] private int capacity = 5000;
    [SerializeField] private int batchRows = 500;
    [SerializeField] private float intervalSeconds = 1f;
    [SerializeField] private int attempts = 5;

    private static readonly DateTime Epoch = new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private readonly Queue<string> rows = new Queue<string>();
    private bool told;

    public long Sent { get; private set; }
    public long Rejected { get; private set; }
    public long Dropped { get; private set; }

    [Serializable]
    private sealed class Outcome
    {
        public int accepted = 0;
        public int rejected = 0;
    }

    /// <summary>Queue one row. Values are numbers, texts, booleans or null. May be called from any thread.</summary>
    public void Record(IReadOnlyDictionary<string, object> features, object prediction = null, double? confidence = null,
        string id = null)
    {
        try
        {
            string row = Row(features, prediction, confidence, id);
            lock (rows)
            {
                if (rows.Count < capacity)
                {
                    rows.Enqueue(row);
                    return;
                }
            }
        }
        catch (Exception)
        {
            // A log must not break the game that it watches.
        }
        Dropped++;
    }

    private void OnEnable()
    {
        StartCoroutine(SendForever());
    }

    private IEnumerator SendForever()
    {
        while (true)
        {
            List<string> batch = NextBatch();
            if (batch.Count == 0)
            {
                yield return new WaitForSecondsRealtime(intervalSeconds);
                continue;
            }
            yield return Send(batch);
            if (batch.Count < batchRows)
            {
                yield return new WaitForSecondsRealtime(intervalSeconds);
            }
        }
    }

    private List<string> NextBatch()
    {
        var batch = new List<string>();
        lock (rows)
        {
            while (rows.Count > 0 && batch.Count < batchRows)
            {
                batch.Add(rows.Dequeue());
            }
        }
        return batch;
    }

    private IEnumerator Send(List<string> batch)
    {
        byte[] body = Encoding.UTF8.GetBytes("{\"rows\":[" + string.Join(",", batch) + "]}");
        float pause = 0.5f;
        for (int attempt = 0; attempt < attempts; attempt++)
        {
            using (var request = new UnityWebRequest(Address(), UnityWebRequest.kHttpVerbPOST))
            {
                request.uploadHandler = new UploadHandlerRaw(body);
                request.downloadHandler = new DownloadHandlerBuffer();
                request.SetRequestHeader("Content-Type", "application/json");
                string token = Token();
                if (token.Length > 0)
                {
                    request.SetRequestHeader("Authorization", "Bearer " + token);
                }
                request.timeout = 5;
                yield return request.SendWebRequest();
                long status = request.responseCode; // 0 where nobody answered
                if (status == 200 || status == 422)
                {
                    Count(request.downloadHandler.text, batch.Count);
                    yield break;
                }
                bool later = status == 0 || status == 408 || status == 429 || status >= 500;
                if (!later)
                {
                    Rejected += batch.Count;
                    Tell("the exporter answered " + status + ": " + request.downloadHandler.text);
                    yield break;
                }
                float after;
                if (float.TryParse(request.GetResponseHeader("Retry-After"), NumberStyles.Float,
                    CultureInfo.InvariantCulture, out after))
                {
                    pause = Mathf.Max(pause, Mathf.Min(after, 10f));
                }
            }
            yield return new WaitForSecondsRealtime(pause);
            pause = Mathf.Min(pause * 2f, 10f);
        }
        Dropped += batch.Count;
        Tell("the exporter did not take " + batch.Count + " rows");
    }

    private void Count(string answer, int sent)
    {
        try
        {
            Outcome outcome = JsonUtility.FromJson<Outcome>(answer);
            Sent += outcome.accepted;
            Rejected += outcome.rejected;
            if (outcome.rejected > 0)
            {
                Tell("the exporter rejected rows: " + answer.Substring(0, Math.Min(answer.Length, 300)));
            }
        }
        catch (ArgumentException)
        {
            Sent += sent;
        }
    }

    private string Address()
    {
        return url.TrimEnd('/') + "/v1/models/" + Uri.EscapeDataString(model) + "/predictions";
    }

    private string Token()
    {
        try
        {
            return tokenFile.Length == 0 ? "" : File.ReadAllText(tokenFile).Trim();
        }
        catch (IOException)
        {
            return "";
        }
    }

    private void Tell(string message)
    {
        // Once is enough: an exporter that is down must not fill the player's log.
        if (!told)
        {
            told = true;
            Debug.LogWarning("PredictionLog: " + message);
        }
    }

    private static string Row(IReadOnlyDictionary<string, object> features, object prediction, double? confidence, string id)
    {
        var text = new StringBuilder("{\"features\":{");
        bool first = true;
        foreach (KeyValuePair<string, object> feature in features)
        {
            if (!first)
            {
                text.Append(',');
            }
            first = false;
            Quote(text, feature.Key);
            text.Append(':');
            Value(text, feature.Value);
        }
        text.Append("},\"timestamp\":");
        Value(text, (DateTime.UtcNow - Epoch).TotalSeconds);
        if (prediction != null)
        {
            text.Append(",\"prediction\":");
            Value(text, prediction);
        }
        if (confidence.HasValue)
        {
            text.Append(",\"confidence\":");
            Value(text, confidence.Value);
        }
        if (id != null)
        {
            text.Append(",\"id\":");
            Quote(text, id);
        }
        return text.Append('}').ToString();
    }

    private static void Value(StringBuilder text, object value)
    {
        switch (value)
        {
            case null:
                text.Append("null");
                break;
            case bool flag:
                text.Append(flag ? "true" : "false");
                break;
            case float number:
                Number(text, number);
                break;
            case double number:
                Number(text, number);
                break;
            case sbyte _:
            case byte _:
            case short _:
            case ushort _:
            case int _:
            case uint _:
            case long _:
            case ulong _:
            case decimal _:
                text.Append(((IFormattable)value).ToString(null, CultureInfo.InvariantCulture));
                break;
            default:
                Quote(text, value.ToString());
                break;
        }
    }

    private static void Number(StringBuilder text, double number)
    {
        // JSON has neither NaN nor infinity: they are missing.
        bool finite = !double.IsNaN(number) && !double.IsInfinity(number);
        text.Append(finite ? number.ToString("R", CultureInfo.InvariantCulture) : "null");
    }

    private static void Quote(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (char letter in value)
        {
            if (letter == '"' || letter == '\\')
            {
                text.Append('\\').Append(letter);
            }
            else if (letter < ' ' || char.IsSurrogate(letter))
            {
                text.Append("\\u").Append(((int)letter).ToString("x4", CultureInfo.InvariantCulture));
            }
            else
            {
                text.Append(letter);
            }
        }
        text.Append('"');
    }
}
